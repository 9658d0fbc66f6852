"""The templates of the project, by name."""

TEMPLATES = {
    "base.html": """<!doctype html><title>{% block title %}{% endblock %}</title><nav>{{ user }}</nav>
        <main>{% block content %}{% endblock %}</main>""",
    "counters.html": """{% extends "base.html" %}{% block content %}<dl>{% for name, sum in sums.items %}
        <dt>{{ name }}</dt><dd>{{ sum|floatformat:"1g" }}</dd>{% endfor %}</dl>{% endblock %}""",
    "months.html": """{% extends "base.html" %}{% block content %}<p>{% for track, sum in now.items %}{{ track }}
        {{ sum|floatformat:"1g" }} {% endfor %}</p><table>{% for month, sums in months %}<tr><th>{{ month|date:"M Y" }}</th>
        {% for sum in sums %}<td>{{ sum|floatformat:"1g" }}</td>{% endfor %}</tr>{% endfor %}</table>{% endblock %}""",
    "entries.html": """{% extends "base.html" %}{% block content %}<p>{{ total.points|floatformat:"1g" }} points from
        {{ page.paginator.count }} entries</p><table>{% for row in page %}<tr><td>{{ row.on|date:"j M Y" }}</td>
        <td>{{ row.client.name }}</td><td>{{ row.deal.deal_id }}</td><td>{{ row.deal.name }}</td><td>{{ row.track }}</td>
        <td>{{ row.cause }}</td><td>{{ row.points|floatformat:"1g" }}</td><td>{{ row.expires_on|date:"j M Y" }}</td></tr>
        {% endfor %}</table>{% if page.has_next %}<a href="?page={{ page.next_page_number }}">Next</a>{% endif %}{% endblock %}""",
    "breakdown.html": """{% extends "base.html" %}{% block content %}<p>{{ page.paginator.count }} clients</p><table>
        {% for row in page %}<tr><td>{{ row.client__name }}</td><td>{{ row.client__country }}</td>
        <td>{{ row.sourced|floatformat:"1g" }}</td><td>{{ row.assisted|floatformat:"1g" }}</td>
        <td>{{ row.managed|floatformat:"1g" }}</td><td>{{ row.total|floatformat:"1g" }}</td></tr>{% endfor %}</table>
        {% if page.has_next %}<a href="?page={{ page.next_page_number }}">Next</a>{% endif %}{% endblock %}""",
    "nothing.html": """{% extends "base.html" %}{% block content %}{% endblock %}""",
}  # fmt: skip
