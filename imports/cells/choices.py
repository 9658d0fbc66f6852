"""Words that stand for a choice of ours in English, Dutch, German, French and Swedish files, and countries by name."""

from functools import cache

from imports.cells.vocabulary import LANGUAGES, folded
from partner_portal.lib.cldr import country_codes, locale_of

_YES = "yes y true 1 ja j waar wahr oui o vrai sant"
_NO = "no n false 0 nee nein non faux falsch onwaar nej falskt"
#: By our word those of others, separated by "|". A word that would be a guess (a deal "existing business") is not here.
_SYNONYMS = {
    "new": "new business|newbusiness|nieuw|nieuwe klant|neu|neugeschäft|nouveau|nouvelle|ny",
    "cross_sell": "cross-sell|cross sell|crosssell|cross selling|cross-selling|kruisverkoop|vente croisée|korsförsäljning",
    "upgrade": "upsell|up-sell|opwaardering|mise à niveau|uppgradering",
    "downgrade": "downsell|afwaardering|herabstufung|rétrogradation|nedgradering",
    "sourced": "zelf aangebracht|aangebracht|partner sourced|partner-sourced|selbst gewonnen|apporté",
    "assisted": "meegeholpen|geassisteerd|partner assisted|partner-assisted|unterstützt|assisté",
    "none": "geen|keine|kein|aucun|aucune|ingen|inget",
    "open": "offen|ouvert|ouverte|öppen|openstaand",
    "won": "closed won|closedwon|gewonnen|gesloten en gewonnen|abgeschlossen und gewonnen|gagné|gagnée|vunnen",
    "lost": "closed lost|closedlost|verloren|gesloten en verloren|abgeschlossen und verloren|perdu|perdue|förlorad",
    "pending": "in afwachting|ausstehend|en attente|väntande",
    "confirmed": "bevestigd|bestätigt|confirmé|confirmée|bekräftad",
    "cancellation_requested": (
        "cancellation requested|opzegging aangevraagd|kündigung angefragt|résiliation demandée|uppsägning begärd"
    ),
    "renewed": "verlengd|verlängert|renouvelé|renouvelée|förnyad",
    "draft": "concept|entwurf|brouillon|utkast",
    "issued": "uitgegeven|ausgestellt|émis|émise|utfärdad",
    "paid": "betaald|bezahlt|payé|payée|betald",
    "withheld": "ingehouden|einbehalten|retenu|retenue|innehållen",
    "forfeited": "vervallen|verfallen|perdu définitivement|förverkad",
}


def choice_of(word: str, values: tuple[str, ...]) -> str:
    """The value that a word of another spelling or language stands for; "" for none of them."""
    plain = folded(word)
    joined = plain.replace("-", "_").replace(" ", "_")
    if joined in values:
        return joined
    return next((value for value in values if plain in _words_of(value)), "")


def flag_of(word: str) -> str:
    """`yes` or `no` for a word of any of the languages, TRUE, FALSE, 1 and 0; "" for another."""
    plain = folded(word)
    if plain in _YES.split():
        return "yes"
    return "no" if plain in _NO.split() else ""


def country_of(text: str) -> str:
    """The code of a country by its code or name in any of the languages; "" for an unknown one."""
    code = text.strip().upper()
    return code if code in country_codes() else _countries().get(folded(text), "")


@cache
def _words_of(value: str) -> frozenset[str]:
    return frozenset(_SYNONYMS.get(value, "").split("|"))


@cache
def _countries() -> dict[str, str]:
    """Codes by the names of the CLDR, long and short, and by usual short names."""
    by_name = {
        "uk": "GB",
        "great britain": "GB",
        "england": "GB",
        "usa": "US",
        "u.s.": "US",
        "u.s.a.": "US",
        "holland": "NL",
    }
    by_name |= {"the netherlands": "NL", "united states of america": "US", "czech republic": "CZ", "turkey": "TR"}
    for language in LANGUAGES:
        territories = locale_of(language).territories
        for code in country_codes():
            by_name.setdefault(folded(str(territories.get(code, code))), code)
    return by_name
