"""How a version is asked for: built from a ref, or uploaded."""

from django import forms
from django.utils.translation import gettext_lazy as _


class BuildForm(forms.Form):
    prefix = "build"
    ref = forms.CharField(label=_("Branch, tag or commit"), max_length=200, initial="main")
    description = forms.CharField(label=_("Description"), max_length=256, required=False)
    rebuild = forms.BooleanField(label=_("Also when this commit has a version already"), required=False)


class UploadForm(forms.Form):
    prefix = "upload"
    file = forms.FileField(
        label=_("Package"), help_text=_("tar.gz, tar or zip; looked through before it is kept.")
    )
    name = forms.CharField(
        label=_("Name"), max_length=128, required=False, help_text=_("Empty: by the rule of the service.")
    )
    ref = forms.CharField(label=_("Branch or tag"), max_length=200, required=False)
    commit = forms.CharField(label=_("Commit"), max_length=64, required=False)
    digest = forms.CharField(
        label=_("SHA-256 of the file"), max_length=64, required=False,
        help_text=_("If you have it: what arrives is held against it."),
    )  # fmt: skip
    description = forms.CharField(label=_("Description"), max_length=256, required=False)
