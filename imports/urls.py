"""URLs below /imports/."""

from django.urls import path

from imports import views

urlpatterns = [
    path("", views.imports, name="imports"),
    path("columns/", views.columns, name="imports_columns"),
    path("columns/<slug:key>.csv", views.template_file, name="imports_template"),
    path("columns/partner-portal-template.xlsx", views.template_book, name="imports_template_book"),
    path("columns/sample-data.zip", views.sample_files, name="imports_sample_data"),
    path("sample/", views.start_with_sample, name="imports_sample"),
    path("<int:batch_id>/", views.batch, name="imports_batch"),
    path("mappings/<int:mapping_id>/forget/", views.forget_mapping, name="imports_forget_mapping"),
    path("<int:batch_id>/tables/<int:table_id>/", views.mapping, name="imports_mapping"),
    path("<int:batch_id>/kinds/", views.choose_kinds, name="imports_kinds"),
    path("<int:batch_id>/commit/", views.commit, name="imports_commit"),
    path("<int:batch_id>/discard/", views.discard, name="imports_discard"),
    path("<int:batch_id>/retry/", views.retry, name="imports_retry"),
    path("<int:batch_id>/complete/", views.choose_complete, name="imports_complete"),
    path("<int:batch_id>/check/", views.check_again, name="imports_check"),
    path("<int:batch_id>/missing/<slug:key>/", views.missing, name="imports_missing"),
    path("<int:batch_id>/undo/", views.undo, name="imports_undo"),
    path("<int:batch_id>/changes/", views.changes, name="imports_changes"),
    path("<int:batch_id>/changes.csv", views.changes_file, name="imports_changes_file"),
    path("rows/<slug:kind>/<int:pk>/", views.fact_changes, name="imports_row"),
    path("<int:batch_id>/errors.csv", views.errors_file, name="imports_errors"),
]
