"""The clients: their list, the record of one, its panel over other pages, and its sections that load by themselves."""

from django.urls import path

from portfolio import fact_views, line_views, views

urlpatterns = [
    path("clients/", views.client_list, name="clients"),
    path("clients/<id:client_id>/facts/", fact_views.client, name="client_facts"),
    path("clients/<id:client_id>/facts/<slug:kind>/", fact_views.client_kind, name="client_facts_of_kind"),
    path("clients/<id:client_id>/", views.record, name="client"),
    path("certifications/", fact_views.certifications, name="certification_facts"),
    path("facts/<slug:kind>/<int:pk>/withdraw/", fact_views.withdraw, name="fact_withdraw"),
    path("facts/<slug:kind>/<int:pk>/restore/", fact_views.restore, name="fact_restore"),
    path("settings/product-lines/", line_views.lines, name="product_lines"),
    path("settings/product-lines/<int:pk>/facts/<slug:kind>/", fact_views.line, name="product_line_facts"),
    path("settings/product-lines/<int:pk>/merge/", line_views.merge, name="product_line_merge"),
    path("settings/product-lines/merges/<int:pk>/undo/", line_views.undo, name="product_line_undo"),
    path("tiers/clients/<id:client_id>/", views.panel, name="tier_client"),
    path("commissions/clients/<id:client_id>/", views.commission, name="commission_client"),
    path("renewals/clients/<id:client_id>/", views.stakes, name="renewal_client"),
]
