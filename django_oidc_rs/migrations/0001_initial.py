import django_oidc_rs.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='IssuerRecord',
            fields=[
                ('key', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ('issuer', models.TextField(verbose_name='issuer')),
                ('jwks', models.TextField(verbose_name='JWK Set')),
                ('jwks_uri', models.TextField(verbose_name='JWK Set address')),
                ('digest', models.CharField(max_length=64, verbose_name='digest')),
                ('version', models.PositiveBigIntegerField(verbose_name='version')),
                ('fetched_at', models.DateTimeField(verbose_name='fetched at')),
                ('lifetime', models.FloatField(verbose_name='lifetime in seconds')),
                ('etag', models.TextField(blank=True)),
                ('last_modified', models.TextField(blank=True)),
                ('metadata_fetched_at', models.FloatField(default=0)),
                ('metadata_public', models.BooleanField(default=True)),
            ],
            options={
                'verbose_name': 'issuer',
                'verbose_name_plural': 'issuers',
            },
        ),
        migrations.CreateModel(
            name='FederatedIdentity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(editable=False, max_length=64, unique=True)),
                ('issuer', models.TextField(verbose_name='issuer')),
                ('subject', models.TextField(blank=True, verbose_name='subject')),
                ('applied', models.CharField(blank=True, editable=False, max_length=64)),
                ('applied_at', models.FloatField(editable=False, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('user', models.ForeignKey(null=True, on_delete=django_oidc_rs.models.forget_subject, related_name='federated_identities', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'federated identity',
                'verbose_name_plural': 'federated identities',
            },
        ),
    ]
