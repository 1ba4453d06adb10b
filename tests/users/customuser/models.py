"""Three user models unlike Django's own; a settings module chooses one."""

from __future__ import annotations

import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class AnyInteger(models.BigIntegerField):
    """As projects write them: it does not ask what the column can hold."""

    validators: tuple = ()


class Account(AbstractBaseUser, PermissionsMixin):
    """Known by its e-mail address, with a UUID for a key and columns of all kinds."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    nickname = models.CharField(max_length=10, blank=True)
    tier = models.CharField(max_length=4, choices=[("gold", ""), ("tin", "")])
    is_vip = models.BooleanField(default=False)
    age = models.PositiveSmallIntegerField(default=0)
    balance = models.DecimalField(max_digits=6, decimal_places=2, default=0)
    score = models.FloatField(default=0)
    birthday = models.DateField(null=True)
    seen = models.DateTimeField(null=True)
    shift = models.DurationField(null=True)
    karma = AnyInteger(default=0)
    extras = models.JSONField(default=dict)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()

    USERNAME_FIELD = "email"

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(age__lt=150), name="age_is_human"),
            models.UniqueConstraint(
                Lower("nickname"), condition=~Q(nickname=""), name="nickname_is_unique"
            ),
        ]


class Member(AbstractBaseUser):
    """A short login, a column nobody fills, no groups, and let in by hand."""

    login = models.CharField(max_length=20, unique=True)
    joined = models.DateField()
    is_active = models.BooleanField(default=False)

    objects = BaseUserManager()

    USERNAME_FIELD = "login"


class VisibleManager(BaseUserManager):
    """Leaves out who was deleted softly; counts identities, as some managers do."""

    def get_queryset(self):
        visible = super().get_queryset().filter(deleted=False)
        return visible.annotate(identities=models.Count("federated_identities"))


class Person(AbstractBaseUser):
    """Deleted softly, and validated by every save."""

    name = models.CharField(max_length=80, unique=True)
    team = models.CharField(max_length=80, blank=True)
    born = models.DateField(null=True, blank=True)
    deleted = models.BooleanField(default=False)
    is_staff = False
    is_superuser = False

    objects = VisibleManager()
    everybody = models.Manager()

    USERNAME_FIELD = "name"

    def save(self, *args, **keywords):
        self.full_clean()
        if self.team == "banned":
            raise ValidationError(f"{self.team} is no team")
        super().save(*args, **keywords)
