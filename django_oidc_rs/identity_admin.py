"""The admin's pages on identities: which user a token's subject is, link and unlink."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value, unquote
from django.contrib.auth import get_permission_codename, get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from .identity_form import LinkForm, is_privileged
from .key_standing import NOT_CONFIGURED, policies
from .management.table import shown
from .models import FederatedIdentity

if TYPE_CHECKING:
    _IdentityBase = admin.ModelAdmin[FederatedIdentity]
else:
    _IdentityBase = admin.ModelAdmin

__all__ = ["IdentityAdmin"]

_OTHERS = ""
_REFUSED = "Only a superuser unlinks staff accounts."


class IssuerFilter(admin.SimpleListFilter):
    """By the issuers of the settings: listing those of a large table takes long."""

    title = "issuer"
    parameter_name = "issuer_alias"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return aliases, and all the others together."""
        del request, model_admin
        aliases = [policy.alias for policy in policies().values()]
        return [
            *((alias, shown(alias)) for alias in aliases),
            (_OTHERS, NOT_CONFIGURED),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[FederatedIdentity]
    ) -> QuerySet[FederatedIdentity]:
        """Return the identities of the chosen issuer."""
        del request
        chosen = self.value()
        if chosen is None:
            return queryset
        if chosen == _OTHERS:
            return queryset.exclude(issuer__in=policies())
        named = [each.issuer for each in policies().values() if each.alias == chosen]
        return queryset.filter(issuer__in=named)


class IdentityAdmin(_IdentityBase):
    """Adding is linking; a row is not edited, but unlinked.

    Linking needs the permission ``add_federatedidentity``; a pair that is known
    already, and unlinking, ``change_federatedidentity``; what concerns staff, a
    superuser. Rows are not deleted here: a deleted user stays deleted.
    """

    list_display = (
        "pair_subject",
        "pair_issuer",
        "short_user",
        "last_use",
        "created_at",
    )
    list_filter = (
        IssuerFilter,
        ("user", admin.EmptyFieldListFilter),
        "last_used_at",
    )
    list_select_related = ("user",)
    ordering = ("-pk",)
    # Counting a large table takes long.
    show_full_result_count = False
    raw_id_fields = ("user",)

    @admin.display(description="subject", ordering="subject")
    def pair_subject(self, identity: FederatedIdentity) -> str:
        """Return the subject, without what could not be seen."""
        return shown(identity.subject, 255) or "(unlinked)"

    @admin.display(description="issuer")
    def pair_issuer(self, identity: FederatedIdentity) -> str:
        """Return the issuer, by its alias where it has one."""
        policy = policies().get(identity.issuer)
        alias = NOT_CONFIGURED if policy is None else shown(policy.alias)
        return f"{alias}: {shown(identity.issuer, 200)}"

    @admin.display(description="user", ordering="user")
    def short_user(self, identity: FederatedIdentity) -> str:
        """Return the user, whose name may be a long digest."""
        user = identity.user
        return self.get_empty_value_display() if user is None else shown(user, 30)

    @admin.display(description="last use (to the hour)", ordering="last_used_at")
    def last_use(self, identity: FederatedIdentity) -> str:
        """Return when a token was accepted last; it is written once an hour."""
        empty = self.get_empty_value_display()
        return display_for_value(identity.last_used_at, empty)

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Return the subject, and what the user model has for user name and e-mail."""
        del request
        model = get_user_model()
        columns = {field.name: field for field in model._meta.concrete_fields}
        names = (model.USERNAME_FIELD, getattr(model, "EMAIL_FIELD", "email"))
        return [
            "subject",
            *(
                f"user__{name}"
                for name in dict.fromkeys(names)
                if name in columns and not columns[name].is_relation
            ),
        ]

    def has_change_permission(
        self, request: HttpRequest, obj: FederatedIdentity | None = None
    ) -> bool:
        """Nobody edits a row."""
        del request, obj
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: FederatedIdentity | None = None
    ) -> bool:
        """Nobody deletes a row: the next token would make the user anew."""
        del request, obj
        return False

    def has_unlink_permission(self, request: HttpRequest) -> bool:
        """Whether the caller may unlink pairs, and move those that are known."""
        codename = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    def get_fields(
        self, request: HttpRequest, obj: FederatedIdentity | None = None
    ) -> tuple[str, ...]:
        """Return the form's fields, or those of a row."""
        del request
        if obj is None:
            return ("issuer", "subject", "user", "move")
        return ("pair_subject", "pair_issuer", "user", "last_use", "created_at")

    def get_readonly_fields(
        self, request: HttpRequest, obj: FederatedIdentity | None = None
    ) -> tuple[str, ...]:
        """Return all fields of a row."""
        return () if obj is None else self.get_fields(request, obj)

    def get_form(
        self,
        request: HttpRequest,
        obj: FederatedIdentity | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 -- Django's signature
        **kwargs: Any,
    ) -> type[ModelForm[FederatedIdentity]]:
        """Return the form that links, for the caller."""
        if obj is not None:
            return super().get_form(request, obj, change=change, **kwargs)
        form = super().get_form(request, obj, change=change, form=LinkForm, **kwargs)
        # The class is made for this request.
        form.actor = request.user  # type: ignore[attr-defined]  # a LinkForm
        form.may_move = self.has_unlink_permission(request)  # type: ignore[attr-defined]
        return form

    def save_model(
        self, request: HttpRequest, obj: FederatedIdentity, form: Any, change: Any
    ) -> None:
        """Link the pair."""
        del request, change
        user = form.cleaned_data["user"]
        linked = FederatedIdentity.objects.link(obj.issuer, obj.subject, user)
        obj.pk, obj.key = linked.pk, linked.key

    def log_addition(
        self, request: HttpRequest, obj: FederatedIdentity, message: Any
    ) -> Any:
        """Name the pair without its subject: the log outlives a deleted user."""
        nameless = copy(obj)
        nameless.subject = ""
        return super().log_addition(request, nameless, message)

    def construct_change_message(  # type: ignore[override]  # text is taken as well
        self,
        request: HttpRequest,
        form: Any,
        formsets: Any,
        add: bool = False,  # noqa: FBT001, FBT002 -- Django's signature
    ) -> str:
        """Return what the log keeps: primary keys, which outlive names."""
        del request, formsets, add
        text = f"Linked to user {form.cleaned_data['user'].pk}."
        return f"{text} Before: user {form.former.pk}." if form.former else text

    def get_urls(self) -> list[URLPattern]:
        """Add the address of "Unlink"."""
        view = self.admin_site.admin_view(self.unlink_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_unlink"
        return [path("<path:object_id>/unlink/", view, name=name), *super().get_urls()]

    def _page(self, name: str, identity: FederatedIdentity) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(name, args=[identity.pk], current_app=self.admin_site.name)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Offer "Unlink" for a pair that is linked."""
        identity = self.get_object(request, unquote(object_id))
        context = {}
        if identity and identity.user_id and self.has_unlink_permission(request):
            context["unlink_url"] = self._page("unlink", identity)
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def unlink_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask whether to unlink; a POST does it."""
        if not self.has_unlink_permission(request):
            raise PermissionDenied
        identity = self.get_object(request, unquote(object_id))
        if identity is None:
            raise Http404
        back = HttpResponseRedirect(self._page("change", identity))
        former: Any = identity.user
        if former is None:
            self.message_user(request, "The pair is linked to nobody.", messages.INFO)
            return back
        if is_privileged(former) and not request.user.is_superuser:
            self.message_user(request, _REFUSED, messages.ERROR)
            return back
        if request.method == "POST":
            if identity.unlink():
                self.log_change(request, identity, f"Unlinked from user {former.pk}.")
                text = f"Unlinked from {former}. Its tokens are refused from now on."
                self.message_user(request, text, messages.SUCCESS)
            else:
                text = "The pair has changed meanwhile. Nothing was done."
                self.message_user(request, text, messages.WARNING)
            return back
        context = {
            **self.admin_site.each_context(request),
            "title": "Unlink",
            "opts": self.opts,
            "identity": identity,
            "subject": self.pair_subject(identity),
            "issuer": self.pair_issuer(identity),
            "back": back.url,
        }
        request.current_app = self.admin_site.name
        template = "admin/django_oidc_rs/federatedidentity/unlink.html"
        return TemplateResponse(request, template, context)
