"""HubSpot as a source: client, readers, and what they make of partner clients and deals (`docs/hubspot.md`)."""
