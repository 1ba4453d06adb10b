"""The admin's form that ties a pair (issuer, subject) to a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db import router

from .conf import get_config
from .core.claims import check_principal
from .core.errors import InvalidClaim
from .models import FederatedIdentity

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[FederatedIdentity]
else:
    _ModelForm = forms.ModelForm

__all__ = ["LinkForm", "is_privileged"]


def is_privileged(user: Any) -> bool:
    """Whether ``user`` may enter an admin: only a superuser links and unlinks those."""
    return any(getattr(user, name, False) for name in ("is_staff", "is_superuser"))


class LinkForm(_ModelForm):
    """Issuer, subject and user; refuses what the person at the form may not link.

    Attributes:
        actor: who fills it in.
        may_move: whether they may change pairs that are known already.
        former: after validation, the user whom the pair is taken from.
    """

    actor: Any = None
    may_move = False
    former: Any = None

    issuer = forms.ChoiceField(help_text="As OIDC_RS names it.")
    subject = forms.CharField(
        strip=False,
        max_length=255,
        help_text="As it stands in the issuer's tokens, to the letter.",
    )
    move = forms.BooleanField(
        required=False,
        label="Move",
        help_text="Take the pair from the user it is linked to already.",
    )

    class Meta:
        model = FederatedIdentity
        fields = ("issuer", "subject", "user")

    def __init__(self, *args: Any, **keywords: Any) -> None:
        """Offer the issuers of the settings, by alias."""
        super().__init__(*args, **keywords)
        self._policies = {policy.alias: policy for policy in get_config().issuers}
        self.fields["issuer"].choices = [  # type: ignore[attr-defined]  # ChoiceField
            (alias, f"{alias}: {policy.issuer}")
            for alias, policy in self._policies.items()
        ]

    def clean(self) -> dict[str, Any]:
        """Check the subject as tokens are checked, and who may link whom."""
        cleaned = super().clean() or self.cleaned_data
        alias, subject = cleaned.get("issuer"), cleaned.get("subject")
        user = cleaned.get("user")
        if alias and subject:
            policy = self._policies[alias]
            # What the model and its manager want from here on.
            cleaned["issuer"] = policy.issuer
            try:
                check_principal({policy.subject_claim: subject}, policy, 0)
            except InvalidClaim:
                self.add_error("subject", "No token can have this subject.")
            if subject != subject.strip():
                # From copying, most likely: it would be another subject.
                self.add_error("subject", "There are blanks around the subject.")
        if user is not None and is_privileged(user) and not self._is_superuser():
            self.add_error("user", "Only a superuser links to staff accounts.")
        if not self.errors:
            self._check_former(cleaned)
        return cleaned

    def _check_former(self, cleaned: dict[str, Any]) -> None:
        """Refuse to take a pair from somebody unasked, or without leave."""
        identity = FederatedIdentity.objects.db_manager(
            router.db_for_write(FederatedIdentity)
        ).of(cleaned["issuer"], cleaned["subject"])
        if identity is None:
            return
        if identity.user == cleaned["user"]:
            self.add_error(None, f"The pair is linked to {identity.user} already.")
        elif not self.may_move:
            self.add_error(
                None, "The pair is known already, and you may not change identities."
            )
        elif is_privileged(identity.user) and not self._is_superuser():
            self.add_error(None, "Only a superuser takes pairs from staff accounts.")
        elif identity.user is not None and not cleaned["move"]:
            self.add_error(
                "move",
                f"The pair is linked to {identity.user}. Tick this to move it to "
                f"{cleaned['user']}.",
            )
        self.former = identity.user

    def _is_superuser(self) -> bool:
        return bool(getattr(self.actor, "is_superuser", False))
