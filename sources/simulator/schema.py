"""Objects of the simulated account: their properties, scopes and deal pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass, field

TYPE_IDS = {"0-2": "companies", "0-3": "deals", "0-145": "partner_clients"}
SCOPES = {
    "partner_clients": "crm.objects.partner-clients.read",
    "partner_services": "crm.objects.partner-services.read",
    "deals": "crm.objects.deals.read",
    "companies": "crm.objects.companies.read",
}
LIST_SCOPES = ("crm.lists.read", "crm.lists.write")
PRIMARY = 5  # type of a deal's association to its primary company
ASSOCIATION_TYPES = {("deals", "companies"): 341, ("companies", "deals"): 342}
OTHER_ASSOCIATION = 1


@dataclass(frozen=True, slots=True)
class Property:
    """A property of an object."""

    label: str
    type: str = "string"
    options: Mapping[str, str] = field(default_factory=dict)
    calculated: bool = False
    own: bool = False  #: made by the account's people


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a pipeline; probability 1 is won, 0 is lost."""

    label: str
    probability: float


_LINES = {
    name: name
    for name in (
        "Marketing Hub",
        "Sales Hub",
        "Service Hub",
        "Content Hub",
        "Operations Hub",
        "Commerce Hub",
        "CRM Suite",
    )
}

_EVERYWHERE = {
    "hs_object_id": Property("Record ID", "number", calculated=True),
    "hs_createdate": Property("Object create date/time", "datetime", calculated=True),
    "hs_lastmodifieddate": Property("Last modified date", "datetime", calculated=True),
    "hs_merged_object_ids": Property("Merged record IDs", "enumeration", calculated=True),
}

PROPERTIES: dict[str, dict[str, Property]] = {
    "partner_clients": _EVERYWHERE
    | {
        "hs_client_name": Property("Client name"),
        "hs_client_account_name": Property("Client account name"),
        "hs_client_domain_name": Property("Company domain name"),
        "hs_original_purchased_domain": Property("Original purchased domain"),
        "hs_country": Property("Country"),
        "hs_account_link": Property("Client account link"),
        "hs_is_managed": Property("Is managed?", "bool"),
        "hs_relationship_type": Property("Relationship type", "enumeration", {"sold": "Sold", "managed": "Managed"}),
        "hs_total_subscription_mrr": Property("Total MRR", "number", calculated=True),
        "hs_split_managed_mrr": Property("Split managed MRR", "number", calculated=True),
        "hs_renewal_mrr": Property("Renewal MRR", "number", calculated=True),
        "hs_next_renewal_date": Property("Next renewal date", "date", calculated=True),
        **{
            f"hs_{hub}_hub_renewal_date": Property(f"{hub.capitalize()} Hub renewal date", "date", calculated=True)
            for hub in ("marketing", "sales", "service", "operations")
        },
        **{
            f"hs_{hub}_hub_edition": Property(f"{hub.capitalize()} Hub edition", calculated=True)
            for hub in ("marketing", "sales", "service", "operations", "content", "commerce")
        },
        "hs_cancellation_products": Property("Products of the next cancellation", calculated=True),
        "hs_all_active_products": Property("All active products", calculated=True),
        "hs_success_owner_name": Property("Customer Success Manager"),
        "hs_success_owner_email": Property("Customer Success Manager's email"),
        "hs_unified_usage_score": Property("Usage score", "number", calculated=True),
        "client_number": Property("Client number", own=True),
        "client_currency": Property("Invoice currency", own=True),
        "tools_used": Property("Tools used", "number", own=True),
        "last_active_employee": Property("Last active employee", own=True),
        "last_active_on": Property("Last active on", "date", own=True),
    },
    "partner_services": dict(_EVERYWHERE),
    "companies": _EVERYWHERE
    | {
        "name": Property("Company name"),
        "domain": Property("Company Domain Name"),
        "country": Property("Country/Region"),
    },
    "deals": _EVERYWHERE
    | {
        "dealname": Property("Deal Name"),
        "pipeline": Property("Pipeline", "enumeration"),
        "dealstage": Property("Deal Stage", "enumeration"),
        "dealtype": Property(
            "Deal Type", "enumeration", {"newbusiness": "New Business", "existingbusiness": "Existing Business"}
        ),
        "amount": Property("Amount", "number"),
        "deal_currency_code": Property("Currency", "enumeration"),
        "createdate": Property("Create Date", "datetime"),
        "closedate": Property("Close Date", "datetime"),
        "hs_closed_won_date": Property("Closed won date", "datetime", calculated=True),
        "hs_is_closed": Property("Is closed", "bool", calculated=True),
        "hs_is_closed_won": Property("Is closed won", "bool", calculated=True),
        "hs_mrr": Property("Monthly recurring revenue", "number", calculated=True),
        "hs_num_associated_deal_registrations": Property("Number of deal registrations", "number", calculated=True),
        "hs_num_associated_active_deal_registrations": Property(
            "Number of active deal registrations", "number", calculated=True
        ),
        "hs_is_active_shared_deal": Property("Is active shared deal", "bool", calculated=True),
        "hs_deal_registration_mrr": Property("Deal registration MRR", "number"),
        "hs_deal_registration_mrr_currency_code": Property("Deal registration MRR currency"),
        "deal_number": Property("Deal number", own=True),
        "product": Property("Product line", "enumeration", _LINES, own=True),
        "sale_kind": Property(
            "Sort of sale",
            "enumeration",
            {"new": "New client", "cross_sell": "Cross-sell", "upgrade": "Upgrade", "downgrade": "Downgrade"},
            own=True,
        ),
        "lead": Property(
            "Whose lead",
            "enumeration",
            {"ours": "Our own", "theirs": "Together with HubSpot", "none": "Without us"},
            own=True,
        ),
    },
}

PIPELINES: dict[str, tuple[str, dict[str, Stage]]] = {
    "default": (
        "HubSpot subscriptions",
        {
            "appointmentscheduled": Stage("Appointment Scheduled", 0.2),
            "qualifiedtobuy": Stage("Qualified To Buy", 0.4),
            "presentationscheduled": Stage("Presentation Scheduled", 0.6),
            "decisionmakerboughtin": Stage("Decision Maker Bought-In", 0.8),
            "contractsent": Stage("Contract Sent", 0.9),
            "closedwon": Stage("Closed Won", 1.0),
            "closedlost": Stage("Closed Lost", 0.0),
        },
    ),
    "agency": (
        "Our own projects",
        {"briefing": Stage("Briefing", 0.3), "signed": Stage("Signed", 1.0), "declined": Stage("Declined", 0.0)},
    ),
}
