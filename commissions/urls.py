"""Commission: payments and statements, one statement, questions about its lines, and the rows behind every figure."""

from django.urls import path

from commissions import views

urlpatterns = [
    path("", views.overview, name="commissions"),
    path("rows/<slug:which>/", views.rows, name="commission_rows"),
    path("questions/", views.questions, name="commission_questions"),
    path("questions/<id:statement_id>/<int:line_no>/", views.question, name="commission_question"),
    path("statements/<id:statement_id>/print/", views.printed, name="commission_statement_print"),
    path("statements/<id:statement_id>/", views.statement, name="commission_statement"),
]
