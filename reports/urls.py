"""Lists, reports, files and schedules."""

from django.urls import path

from reports.views import exports, lists, rows

urlpatterns = [
    path("exports/", exports.index, name="exports"),
    path("exports/bell/", exports.bell, name="exports_bell"),
    path("exports/new/<slug:key>/", exports.new, name="export_new"),
    path("exports/<int:pk>/", exports.detail, name="export"),
    path("exports/<int:pk>/file/", exports.download, name="export_file"),
    path("exports/<int:pk>/cancel/", exports.cancel, name="export_cancel"),
    path("exports/<int:pk>/again/", exports.again, name="export_again"),
    path("lists/", lists.index, name="lists"),
    path("lists/use/<slug:key>/", lists.use, name="list_use"),
    path("lists/<int:pk>/", lists.detail, name="list"),
    path("lists/<int:pk>/rename/", lists.rename, name="list_rename"),
    path("lists/<int:pk>/copy/", lists.copy, name="list_copy"),
    path("lists/<int:pk>/delete/", lists.delete, name="list_delete"),
    path("lists/<int:pk>/restore/", lists.restore, name="list_restore"),
    path("lists/<int:pk>/remove/", lists.remove, name="list_remove"),
    path("reports/rows/<slug:key>/", rows.dataset_rows, name="dataset_rows"),
]
