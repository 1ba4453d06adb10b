"""The admin's pages on issuers: how their keys stand, and "Sync now"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse

from .core.issuers import IssuerPolicy
from .core.keys.sync import SyncReport
from .key_standing import NOT_CONFIGURED, Standing, policies
from .key_sync import sync_now
from .management.table import duration, shown
from .models import IssuerRecord, RefreshState, issuer_key

if TYPE_CHECKING:
    _IssuerBase = admin.ModelAdmin[IssuerRecord]
else:
    _IssuerBase = admin.ModelAdmin

__all__ = ["IssuerAdmin"]


def _column(name: str, description: str) -> Any:
    """Return a column that shows one attribute of an issuer's ``Standing``."""

    @admin.display(description=description)
    def column(self: IssuerAdmin, record: IssuerRecord) -> Any:
        # One for all columns of a row: it asks the key store.
        standing = vars(record).setdefault("_standing", Standing(record.issuer))
        return getattr(standing, name) or self.get_empty_value_display()

    return column


class IssuerAdmin(_IssuerBase):
    """Read-only. "Sync now" needs the permission ``change_issuerrecord``."""

    alias = _column("alias", "alias")
    identifier = _column("issuer", "issuer")
    state = _column("state", "keys")
    age = _column("age", "age")
    serves_for = _column("serves_for", "will serve for")
    next_refresh = _column("next_refresh", "next refresh")
    last_error = _column("last_error", "last error")
    key_ids = _column("key_ids", "key IDs")
    algorithms = _column("algorithms", "algorithms")
    keys = _column("keys", "key IDs and algorithms")

    actions = ("sync_selected",)
    list_display = (
        "identifier",
        "alias",
        "state",
        "age",
        "serves_for",
        "next_refresh",
        "last_error",
        "key_ids",
        "algorithms",
    )
    fields = readonly_fields = (
        "identifier",
        "alias",
        "state",
        "age",
        "serves_for",
        "next_refresh",
        "last_error",
        "keys",
        "address",
        "fetched_at",
    )
    ordering = ("issuer",)

    @admin.display(description="JWK Set address")
    def address(self, record: IssuerRecord) -> str:
        """Return where the keys came from."""
        return shown(record.jwks_uri, 300)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody writes keys by hand."""
        del request
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: IssuerRecord | None = None
    ) -> bool:
        """Nobody edits keys by hand."""
        del request, obj
        return False

    def has_sync_permission(self, request: HttpRequest) -> bool:
        """Whether the caller may have keys fetched."""
        codename = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    def get_urls(self) -> list[URLPattern]:
        """Add the address of "Sync now"."""
        view = self.admin_site.admin_view(self.sync_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_sync"
        return [path("sync/", view, name=name), *super().get_urls()]

    def _page(self, name: str, *args: str) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
        return reverse(name, args=args, current_app=self.admin_site.name)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the issuers of the settings that have no row too."""
        known = {issuer_key(issuer): issuer for issuer in policies()}
        rows = IssuerRecord.objects.filter(key__in=known)
        for key in rows.values_list("key", flat=True):
            del known[key]
        context = {
            "without_row": [Standing(issuer) for issuer in known.values()],
            "sync_url": self._page("sync"),
            "may_sync": self.has_sync_permission(request),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Offer "Sync now" for an issuer of the settings."""
        record = self.get_object(request, unquote(object_id))
        standing = Standing(record.issuer) if record else None
        context: dict[str, Any] = {}
        if standing and standing.may_be_fetched and self.has_sync_permission(request):
            context = {"sync_policy": standing.policy, "sync_url": self._page("sync")}
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    @admin.action(description="Sync now", permissions=["sync"])
    def sync_selected(
        self, request: HttpRequest, queryset: QuerySet[IssuerRecord]
    ) -> None:
        """Fetch the keys of the selected issuers."""
        named = policies()
        chosen = []
        for record in queryset:
            if record.issuer in named:
                chosen.append(named[record.issuer])
            else:
                text = f"{shown(record.issuer, 200)}: {NOT_CONFIGURED}."
                self.message_user(request, text, messages.WARNING)
        self._sync(request, chosen)

    def sync_view(self, request: HttpRequest) -> HttpResponse:
        """Fetch the keys of the issuer that ``alias`` names; POST alone."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_sync_permission(request):
            raise PermissionDenied
        alias = request.POST.get("alias", "")
        chosen = [policy for policy in policies().values() if policy.alias == alias]
        if not chosen:
            text = f"OIDC_RS names no issuer {shown(alias)}."
            self.message_user(request, text, messages.ERROR)
        self._sync(request, chosen)
        keys = [issuer_key(policy.issuer) for policy in chosen]
        if IssuerRecord.objects.filter(key__in=keys).exists():
            return HttpResponseRedirect(self._page("change", *keys))
        return HttpResponseRedirect(self._page("changelist"))

    def _sync(self, request: HttpRequest, chosen: Iterable[IssuerPolicy]) -> None:
        fetched = []
        for policy in chosen:
            if policy.fetches_keys:
                fetched.append(policy)
            else:
                why = "stand in the settings" if policy.uses_keys else "are not used"
                text = f"{shown(policy.alias)}: its keys {why}."
                self.message_user(request, text, messages.INFO)
        for report in sync_now(fetched):
            level, text = _outcome(report)
            self.message_user(request, f"{shown(report.alias)}: {text}", level)

    def delete_model(self, request: HttpRequest, obj: IssuerRecord) -> None:
        """Delete the row."""
        self.delete_queryset(request, IssuerRecord.objects.filter(pk=obj.pk))

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[IssuerRecord]
    ) -> None:
        """Delete rows, and who may fetch what for issuers that are gone."""
        kept = [issuer_key(issuer) for issuer in policies()]
        keys = set(queryset.values_list("key", flat=True)).difference(kept)
        super().delete_queryset(request, queryset)
        RefreshState.objects.filter(key__in=keys).delete()


def _outcome(report: SyncReport) -> tuple[int, str]:
    """Return a fetch in words, and how serious it is."""
    if report.error is not None or report.record is None:
        text = shown(report.error, 300)
        return messages.ERROR, f"{text}. What is stored stays as it was."
    text = (
        f"fetched, {report.added} added, {report.kept} kept, {report.removed} removed; "
        f"fresh for {duration(report.record.lifetime)}. Every process uses these keys "
        "within 15 seconds."
    )
    alarms = [
        f" Key {shown(key.key_id or '-', 44)} is not used: {key.reason}."
        for key in report.refused
        if key.alarming
    ]
    return messages.WARNING if alarms else messages.SUCCESS, text + "".join(alarms)
