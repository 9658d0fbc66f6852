"""{% next_step %}: where the checklist of the first day goes on."""

from django import template

from dashboard import first_day

register = template.Library()


@register.simple_tag(takes_context=True)
def next_step(context: template.Context, done: str = "") -> first_day.Step | None:
    """The open step behind the one that is done, as `dashboard.first_day.next_step` gives it."""
    request = context["request"]
    return first_day.next_step(request, done) if getattr(request, "scope", None) else None
