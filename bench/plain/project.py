"""The project: models, views and addresses. Imported once Django is set up."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from io import BytesIO
from itertools import chain
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from openpyxl import Workbook

PAGE = 50
DAYS = 90
MONTHS = 24
EXPORT_HEADER = (
    "entry_id", "on_date", "track", "cause", "points", "expires_on", "client_name", "country", "deal_name", "product_line",
    "mrr", "recorded_at",
)  # fmt: skip


class Client(models.Model):
    """What the project reads of `clients_client`."""

    client_id = models.TextField()
    name = models.TextField()
    country = models.TextField()

    class Meta:
        managed, db_table, app_label = False, "clients_client", "auth"

    def __str__(self) -> str:
        return str(self.pk)


class Deal(models.Model):
    """What the project reads of `clients_deal`."""

    deal_id = models.TextField()
    name = models.TextField()
    product_line = models.TextField()
    mrr = models.DecimalField(max_digits=18, decimal_places=4)

    class Meta:
        managed, db_table, app_label = False, "clients_deal", "auth"

    def __str__(self) -> str:
        return str(self.pk)


class Entry(models.Model):
    """What the project reads of `ledger_pointentry`."""

    partner_id = models.BigIntegerField()
    client = models.ForeignKey(Client, models.DO_NOTHING, related_name="+")
    deal = models.ForeignKey(Deal, models.DO_NOTHING, null=True, related_name="+")
    on = models.DateField()
    track = models.TextField()
    cause = models.TextField()
    points = models.DecimalField(max_digits=18, decimal_places=4)
    expires_on = models.DateField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        managed, db_table, app_label = False, "ledger_pointentry", "auth"

    def __str__(self) -> str:
        return str(self.pk)


sold = Q(track__in=("sourced", "assisted"))
gained = Q(cause="earned")


def entries() -> models.QuerySet[Entry]:
    """The entries of the partner."""
    return Entry.objects.filter(partner_id=settings.PARTNER)


@login_required
def nothing(request: HttpRequest) -> HttpResponse:
    """An empty page behind the log-in."""
    return render(request, "nothing.html")


@login_required
def counters(request: HttpRequest) -> HttpResponse:
    """W1: four counters of 90 days."""
    within = entries().filter(on__gt=settings.TODAY - timedelta(DAYS), on__lte=settings.TODAY)
    sums = within.aggregate(
        new_sold=Sum("points", filter=sold & gained),
        lost_sold=Sum("points", filter=sold & ~gained),
        new_managed=Sum("points", filter=~sold & gained),
        lost_managed=Sum("points", filter=~sold & ~gained),
    )
    return render(request, "counters.html", {"sums": sums})


@login_required
def months(request: HttpRequest) -> HttpResponse:
    """W2: points by track now, and at the end of 24 months."""
    tracks = ("sourced", "assisted", "managed")
    upto = entries().filter(on__lte=settings.TODAY)
    now = dict(upto.values_list("track").annotate(Sum("points")))
    by_month = upto.annotate(month=TruncMonth("on")).values("month", "track").annotate(sum=Sum("points"))
    running = dict.fromkeys(tracks, 0)
    rows: dict[date, list[object]] = {}
    for row in by_month.order_by("month"):
        running[row["track"]] += row["sum"]
        rows[row["month"]] = [running[track] for track in tracks]
    return render(request, "months.html", {"now": now, "months": list(rows.items())[-MONTHS:]})


@login_required
def drill_down(request: HttpRequest) -> HttpResponse:
    """W3: the first rows of a counter, with their count and sum."""
    rows = entries().filter(sold & gained, on__gt=settings.TODAY - timedelta(DAYS), on__lte=settings.TODAY)
    page = Paginator(rows.select_related("client", "deal").order_by("-on", "-id"), PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "entries.html", {"page": page, "total": rows.aggregate(points=Sum("points"))})


@login_required
def breakdown(request: HttpRequest) -> HttpResponse:
    """W4: the points of every client."""
    clients = (
        entries()
        .filter(on__lte=settings.TODAY)
        .values("client_id", "client__name", "client__country")
        .annotate(
            total=Sum("points"),
            sourced=Sum("points", filter=Q(track="sourced"), default=0),
            assisted=Sum("points", filter=Q(track="assisted"), default=0),
            managed=Sum("points", filter=Q(track="managed"), default=0),
            entries=Count("id"),
        )
        .order_by("-total")
    )
    return render(request, "breakdown.html", {"page": Paginator(clients, PAGE).get_page(request.GET.get("page"))})


def exported(request: HttpRequest) -> Iterator[list[Any]]:
    """As many joined rows as are asked for."""
    rows = entries().select_related("client", "deal").order_by("-on", "-id")[: int(request.GET["rows"])]
    for row in rows.iterator(chunk_size=2000):
        deal = row.deal
        yield [
            row.pk, row.on, row.track, row.cause, row.points, row.expires_on, row.client.name, row.client.country,
            deal and deal.name, deal and deal.product_line, deal and deal.mrr, row.recorded_at,
        ]  # fmt: skip


@login_required
def csv_file(request: HttpRequest) -> StreamingHttpResponse:
    """W5: rows as CSV, streamed."""
    writer = csv.writer(_Echo())
    lines = (writer.writerow(row) for row in chain([EXPORT_HEADER], exported(request)))
    return StreamingHttpResponse(lines, content_type="text/csv")


@login_required
def workbook(request: HttpRequest) -> HttpResponse:
    """W6: rows as a workbook."""
    book = Workbook()
    sheet = book.active
    sheet.append(EXPORT_HEADER)
    for row in exported(request):
        row[-1] = row[-1].replace(tzinfo=None)
        sheet.append(row)
    out = BytesIO()
    book.save(out)
    return HttpResponse(out.getvalue())


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, value: str) -> str:
        return value


urlpatterns = [
    path("nothing/", nothing),
    path("counters/", counters),
    path("months/", months),
    path("entries/", drill_down),
    path("breakdown/", breakdown),
    path("csv/", csv_file),
    path("xlsx/", workbook),
]
