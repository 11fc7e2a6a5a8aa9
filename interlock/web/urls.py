"""Addresses of the pages."""

from django.urls import URLPattern, URLResolver, path

from interlock.web.pages import design, signing_in

urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", signing_in.sign_in, name="sign-in"),
    path("sign-out", signing_in.sign_out, name="sign-out"),
    path("look", signing_in.look, name="look"),
    path("design", design.sheet, name="design"),
    path("", design.sheet, name="home"),
    path("approvals", design.sheet, name="approvals"),
    path("me", design.sheet, name="me"),
]
