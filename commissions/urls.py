"""Commission: payments and statements, one statement, questions about its lines, and the rows behind every figure."""

from django.urls import path

from commissions import views

urlpatterns = [
    path("", views.overview, name="commissions"),
    path("rows/<slug:which>/", views.rows, name="commission_rows"),
    path("clients/<path:client_id>/", views.client, name="commission_client"),
    path("questions/", views.questions, name="commission_questions"),
    path("questions/<path:statement_id>/<int:line_no>/", views.question, name="commission_question"),
    path("statements/<path:statement_id>/print/", views.printed, name="commission_statement_print"),
    path("statements/<path:statement_id>/", views.statement, name="commission_statement"),
]
