"""The URL of the calculator."""

from django.urls import path

from calculator import views

urlpatterns = [path("calculator/", views.calculator, name="calculator")]
