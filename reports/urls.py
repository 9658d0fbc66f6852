"""Lists, reports, files and schedules."""

from django.urls import path

from reports.views import exports, rows

urlpatterns = [
    path("exports/", exports.index, name="exports"),
    path("exports/bell/", exports.bell, name="exports_bell"),
    path("exports/new/<slug:key>/", exports.new, name="export_new"),
    path("exports/<int:pk>/", exports.detail, name="export"),
    path("exports/<int:pk>/file/", exports.download, name="export_file"),
    path("exports/<int:pk>/cancel/", exports.cancel, name="export_cancel"),
    path("exports/<int:pk>/again/", exports.again, name="export_again"),
    path("reports/rows/<slug:key>/", rows.dataset_rows, name="dataset_rows"),
]
