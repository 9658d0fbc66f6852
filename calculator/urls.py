"""The calculator's page."""

from django.urls import path

from calculator import views

urlpatterns = [path("calculator/", views.calculator, name="calculator")]
