"""The clients: their list, the record of one, its panel over other pages, and its sections that load by themselves."""

from django.urls import path

from portfolio import views

urlpatterns = [
    path("clients/", views.client_list, name="clients"),
    path("clients/<id:client_id>/", views.record, name="client"),
    path("tiers/clients/<id:client_id>/", views.panel, name="tier_client"),
    path("commissions/clients/<id:client_id>/", views.commission, name="commission_client"),
    path("renewals/clients/<id:client_id>/", views.stakes, name="renewal_client"),
]
