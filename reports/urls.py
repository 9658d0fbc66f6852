"""Lists, reports, files and schedules."""

from django.urls import path

from reports.views import columns, exports, lists, rows, saved, schedules

urlpatterns = [
    path("exports/", exports.index, name="exports"),
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
    path("reports/", saved.index, name="reports"),
    path("reports/cards/", saved.cards, name="report_cards"),
    path("reports/new/<slug:key>/", saved.new, name="report_new"),
    path("reports/<int:pk>/", saved.detail, name="report"),
    path("reports/<int:pk>/opened/", saved.opened, name="report_opened"),
    path("reports/<int:pk>/edit/", saved.edit, name="report_edit"),
    path("reports/<int:pk>/copy/", saved.copy, name="report_copy"),
    path("reports/<int:pk>/delete/", saved.delete, name="report_delete"),
    path("reports/<int:pk>/restore/", saved.restore, name="report_restore"),
    path("reports/<int:pk>/pin/", saved.pin, name="report_pin"),
    path("reports/<int:pk>/schedule/", schedules.of_report, name="schedule_of_report"),
    path("schedules/", schedules.index, name="schedules"),
    path("schedules/new/<slug:key>/", schedules.new, name="schedule_new"),
    path("schedules/<int:pk>/", schedules.detail, name="schedule"),
    path("schedules/<int:pk>/edit/", schedules.edit, name="schedule_edit"),
    path("schedules/<int:pk>/state/", schedules.change_state, name="schedule_state"),
    path("schedules/leave/<str:token>/", schedules.leave, name="schedule_leave"),
    path("schedules/confirm/<str:token>/", schedules.confirm, name="schedule_confirm"),
    path("reports/columns/<slug:key>/", columns.choose, name="columns_choose"),
    path("reports/rows/<slug:key>/", rows.dataset_rows, name="dataset_rows"),
]
