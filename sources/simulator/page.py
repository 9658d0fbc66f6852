"""Page to change the simulated account by hand: stage and MRR of deals, deleting and restoring them, and faults."""

from html import escape
from urllib.parse import parse_qsl, urlencode

from sources.simulator.answers import Answer, Request
from sources.simulator.api import Simulator
from sources.simulator.faults import KINDS, Fault
from sources.simulator.schema import PIPELINES
from sources.simulator.world import Row, World

SHOWN = 40
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color-scheme: light dark }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3rem .5rem; border-bottom: 1px solid #8886 }
div { overflow-x: auto }
form { display: inline-flex; gap: .4rem; align-items: center } .gone td { opacity: .6 } input, select, button { font: inherit }
input[name=mrr] { width: 7rem; text-align: right }
"""


def is_page(request: Request) -> bool:
    """Whether a call is for the page rather than for the API."""
    return request.path in ("/", "/deal", "/fault")


def answer(simulator: Simulator, request: Request) -> Answer:
    """The page, or a redirect to it after a change."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    with simulator.lock:
        if request.method == "GET":
            html = _page(simulator, request.query.get("q", ""))
            return Answer(200, html.encode(), {"Content-Type": "text/html; charset=utf-8"})
        try:
            if request.path == "/deal":
                _change(simulator.world, form)
            else:
                _choose_fault(simulator, form)
        except (KeyError, ValueError):
            return Answer(400, b"That could not be changed.")
    return Answer(303, b"", {"Location": "/?" + urlencode({"q": form.get("q", "")})})


def _change(world: World, form: dict[str, str]) -> None:
    record_id = int(form["id"])
    match form["action"]:
        case "archive":
            world.archive("deals", record_id)
        case "restore":
            world.restore("deals", record_id)
        case _:
            if float(form["mrr"]) < 0 or form["stage"] not in PIPELINES["default"][1]:
                raise ValueError
            world.change("deals", record_id, dealstage=form["stage"], hs_deal_registration_mrr=form["mrr"])


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
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Simulated HubSpot account {world.account_id}</title><style>{_STYLE}</style>
<h1>Simulated HubSpot account {world.account_id}</h1>
<p>Change a deal here, then choose <em>Sync now</em> in the portal. {len(simulator.traffic.calls)} API calls so far.</p>
<form><label>Deal or client <input type="search" name="q" value="{escape(search)}"></label><button>Search</button></form>
<div><table><thead><tr><th>Deal<th>Client<th>Stage and MRR<th>Record</tr></thead><tbody>{body}</tbody></table></div>
<p>{len(rows)} deals{f"; the {SHOWN} changed last are shown" if len(rows) > SHOWN else ""}.</p>
<h2>Faults</h2>
<form method="post" action="/fault">
<label>Answer with <select name="kind"><option value="">no fault</option>{kinds}</select></label>
<label>in % of calls <input name="share" type="number" min="0" max="100" value="100"></label>
<label>value <input name="value"></label><button>Set</button></form></html>"""


def _deal(world: World, row: Row, search: str) -> str:
    known = row.properties
    code = known.get("hs_deal_registration_mrr_currency_code", "")
    hidden = f'<input type="hidden" name="id" value="{row.id}"><input type="hidden" name="q" value="{escape(search)}">'
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


def _client(world: World, row: Row) -> str:
    """Name of the deal's primary company."""
    for record_id, primary in world.associated("deals", row.id, "companies"):
        if primary:
            return world.rows["companies"][record_id].properties.get("name", "")
    return ""
