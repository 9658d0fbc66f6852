"""Page to change the simulated account by hand: deals, what clients pay, deleting and restoring deals, and faults."""

from html import escape
from urllib.parse import parse_qsl, urlencode

from sources.simulator.answers import Answer, Request
from sources.simulator.api import Simulator
from sources.simulator.faults import KINDS, Fault
from sources.simulator.schema import PIPELINES
from sources.simulator.world import Row, World

SHOWN = 40
AMOUNTS = {"hs_total_subscription_mrr": "Total MRR", "hs_split_managed_mrr": "Managed MRR"}
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color-scheme: light dark }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #8886 }
div { overflow-x: auto }
form { display: inline-flex; gap: .4rem; align-items: center } .gone td { opacity: .6 } input, select, button { font: inherit }
input[inputmode] { width: 7rem; text-align: right }
"""


def is_page(request: Request) -> bool:
    """Whether a call is for the page rather than for the API."""
    return request.path in ("/", "/deal", "/client", "/fault")


def answer(simulator: Simulator, request: Request) -> Answer:
    """The page, or a redirect to it after a change."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    with simulator.lock:
        if request.method == "GET":
            html = _page(simulator, request.query.get("q", ""))
            return Answer(200, html.encode(), {"Content-Type": "text/html; charset=utf-8"})
        try:
            if request.path == "/deal":
                _change_deal(simulator.world, form)
            elif request.path == "/client":
                _change_client(simulator.world, form)
            else:
                _choose_fault(simulator, form)
        except (KeyError, ValueError):
            return Answer(400, b"That could not be changed.")
    return Answer(303, b"", {"Location": "/?" + urlencode({"q": form.get("q", "")})})


def _change_deal(world: World, form: dict[str, str]) -> None:
    record_id = int(form["id"])
    match form["action"]:
        case "archive":
            world.archive("deals", record_id)
        case "restore":
            world.restore("deals", record_id)
        case _:
            if form["stage"] not in PIPELINES["default"][1]:
                raise ValueError
            world.change("deals", record_id, dealstage=form["stage"], hs_deal_registration_mrr=_amount(form["mrr"]))


def _change_client(world: World, form: dict[str, str]) -> None:
    total, managed = (_amount(form[name]) for name in AMOUNTS)
    # Not marked as changed, as HubSpot does with what it calculates.
    world.change(
        "partner_clients", int(form["id"]), touched=False, hs_total_subscription_mrr=total, hs_split_managed_mrr=managed
    )


def _amount(text: str) -> str:
    """An amount as HubSpot has it, "" for none. Raises ValueError."""
    if text and not 0 <= float(text) < float("inf"):
        raise ValueError(text)
    return text


def _choose_fault(simulator: Simulator, form: dict[str, str]) -> None:
    simulator.faults.clear()
    if form["kind"] in KINDS:
        simulator.faults.append(Fault(form["kind"], share=float(form["share"] or 100) / 100, value=form["value"]))


def _page(simulator: Simulator, search: str) -> str:
    world, wanted = simulator.world, search.casefold()
    rows = [
        row
        for row in world.rows["deals"].values()
        if row.properties.get("pipeline") == "default"
        and (wanted in row.properties.get("dealname", "").casefold() or wanted in _client(world, row).casefold())
    ]
    rows.sort(key=lambda row: (row.updated, row.properties.get("createdate", "")), reverse=True)
    fault = simulator.faults[0].kind if simulator.faults else ""
    kinds = "".join(
        f'<option value="{kind}"{" selected" if kind == fault else ""}>{escape(text)}</option>'
        for kind, text in KINDS.items()
    )
    body = "".join(_deal(world, row, search) for row in rows[:SHOWN])
    clients = [
        row
        for row in world.rows["partner_clients"].values()
        if not row.archived and wanted in row.properties.get("hs_client_name", "").casefold()
    ]
    of_clients = "".join(_client_row(row, search) for row in clients[:SHOWN])
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Simulated HubSpot account {world.account_id}</title><style>{_STYLE}</style>
<h1>Simulated HubSpot account {world.account_id}</h1>
<p>Change a deal here, then choose <em>Sync now</em> in the portal. What a client pays is read with everything: choose
<em>Read everything again</em>. {len(simulator.traffic.calls)} API calls so far.</p>
<form><label>Deal or client <input type="search" name="q" value="{escape(search)}"></label><button>Search</button></form>
<div><table><thead><tr><th>Deal<th>Client<th>Stage and MRR<th>Record</tr></thead><tbody>{body}</tbody></table></div>
<p>{len(rows)} deals{f"; the {SHOWN} changed last are shown" if len(rows) > SHOWN else ""}.</p>
<h2>Clients</h2>
<div><table><thead><tr><th>Client<th>{" and ".join(AMOUNTS.values())} a month</tr></thead><tbody>{of_clients}</tbody></table></div>
<p>{len(clients)} clients{f"; the first {SHOWN} are shown" if len(clients) > SHOWN else ""}.</p>
<h2>Faults</h2>
<form method="post" action="/fault">
<label>Answer with <select name="kind"><option value="">no fault</option>{kinds}</select></label>
<label>in % of calls <input name="share" type="number" min="0" max="100" value="100"></label>
<label>value <input name="value"></label><button>Set</button></form></html>"""


def _deal(world: World, row: Row, search: str) -> str:
    known = row.properties
    code = known.get("hs_deal_registration_mrr_currency_code", "")
    hidden = _hidden(row, search)
    name = escape(known.get("dealname", ""))
    if row.archived:
        change, record = "deleted", "restore"
    else:
        options = "".join(
            f'<option value="{stage_id}"{" selected" if stage_id == known.get("dealstage") else ""}>{escape(stage.label)}</option>'
            for stage_id, stage in PIPELINES["default"][1].items()
        )
        change = (
            f'<form method="post" action="/deal">{hidden}<select name="stage" aria-label="Stage of {name}">{options}</select>'
            f'<input name="mrr" inputmode="decimal" aria-label="MRR of {name}" value="'
            f'{escape(known.get("hs_deal_registration_mrr", ""))}">{escape(code)}'
            '<button name="action" value="change">Save</button></form>'
        )
        record = "archive"
    label = {"restore": "Restore", "archive": "Delete"}[record]
    return (
        f"<tr{' class=gone' if row.archived else ''}><td>{name}<td>{escape(_client(world, row))}<td>{change}"
        f'<td><form method="post" action="/deal">{hidden}<button name="action" value="{record}">{label}</button></form></tr>'
    )


def _client_row(row: Row, search: str) -> str:
    name = escape(row.properties.get("hs_client_name", ""))
    amounts = "".join(
        f'<input name="{key}" inputmode="decimal" aria-label="{label} of {name}" value="{escape(row.properties.get(key, ""))}">'
        for key, label in AMOUNTS.items()
    )
    form = f'<form method="post" action="/client">{_hidden(row, search)}{amounts}<button>Save</button></form>'
    return f"<tr><td>{name}<td>{form}</tr>"


def _hidden(row: Row, search: str) -> str:
    return f'<input type="hidden" name="id" value="{row.id}"><input type="hidden" name="q" value="{escape(search)}">'


def _client(world: World, row: Row) -> str:
    """Name of the deal's primary company."""
    for record_id, primary in world.associated("deals", row.id, "companies"):
        if primary:
            return world.rows["companies"][record_id].properties.get("name", "")
    return ""
