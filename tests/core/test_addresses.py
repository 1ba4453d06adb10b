"""What a URL leads to, by table."""

import pytest

from django_oidc_rs.core.addresses import (
    Origin,
    is_loopback_host,
    is_public,
    may_be_public,
    parse_origin,
)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.17",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001:82a::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:8.8.8.8",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:808:808::1",
        "2001:db8::1",
        "2002:808:808::1",
        "2002:7f00:1::1",
        "3fff::1",
        "4000::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_of_another_kind_is_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "text",
    ["", "example.com", "127.1", "2130706433", "0x7f000001", "010.8.8.8", "[::]"],
)
def test_text_that_is_no_address_is_not_public(text):
    assert not is_public(text)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"]
)
def test_loopback_hosts_are_known_by_name_and_by_address(host):
    assert is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost.",
        "localhost.example.com",
        "sub.localhost",
        "127.0.0.1.nip.io",
        "127.1",
        "2130706433",
        "0.0.0.0",
        "::",
        "::ffff:127.0.0.1",
        "126.0.0.1",
        "10.0.0.1",
    ],
)
def test_other_spellings_are_no_loopback_hosts(host):
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "idp.example.com",
        "idp.example.com.",
        "8.8.8.8",
        "2606:4700:4700::1111",
        "1.example",
    ],
)
def test_a_host_behind_a_proxy_may_be_public(host):
    assert may_be_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost.",
        "idp.localhost",
        "idp.LocalHost.",
        "vault",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0X7F.1",
        "0177.0.0.1",
        "8.8.2056",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "fe80::1",
    ],
)
def test_a_host_behind_a_proxy_is_private_by_its_spelling(host):
    assert not may_be_public(host)


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("https://idp.example.com", "https", "idp.example.com", 443),
        ("http://idp.example.com/", "http", "idp.example.com", 80),
        ("HTTPS://IDP.Example.COM/Realm", "https", "idp.example.com", 443),
        ("https://idp.example.com.:8443/a/b?c=d", "https", "idp.example.com.", 8443),
        ("https://key_cloak:1/realms/My%20Realm", "https", "key_cloak", 1),
        ("https://[2001:DB8::1]:65535?x", "https", "2001:db8::1", 65535),
        ("https://[::1]", "https", "::1", 443),
        ("https://idp.example.com/@me", "https", "idp.example.com", 443),
    ],
)
def test_a_url_leads_to_its_origin(url, scheme, host, port):
    assert parse_origin(url) == Origin(scheme=scheme, host=host, port=port)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "idp.example.com",
        "//idp.example.com/",
        "/relative",
        "file:///etc/passwd",
        "ftp://idp.example.com/",
        "https:idp.example.com",
        "https:/idp.example.com",
        "https://",
        "https:///path",
        "https://:443/",
        "https://./",
        "https://.idp.example.com/",
        "https://-idp.example.com/",
        "https://user@idp.example.com/",
        "https://user:secret@idp.example.com/",
        "https://idp.example.com/#fragment",
        "https://idp.example.com#",
        "https://idp.example.com:",
        "https://idp.example.com:0/",
        "https://idp.example.com:65536/",
        "https://idp.example.com:443443/",
        "https://idp.example.com:-1/",
        "https://idp.example.com:https/",
        "https://idp.example.com:\u0664\u0664\u0663/",
        "https://idp.example.com\\@127.0.0.1/",
        "https://idp.example.com\\.example.net/",
        "https://idp.example.com/a b",
        "https://idp.example.com/\n",
        "https://idp.example.com/\r\nHost: x",
        "https://idp.example.com/\t",
        "https://idp.example.com/\x00",
        " https://idp.example.com/",
        "https://idp.example.com/<x>",
        "https://b\u00fccher.example/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://idp.example.com/\ud800",
        "https://idp.\u017fample.com/",
        "https://%31%32%37.0.0.1/",
        "https://[::1/",
        "https://::1/",
        "https://[]/",
        "https://[:::]/",
        "https://[1.2.3.4]/",
        "https://[::1:2:3:4:5:6:7:8:9]/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/",
        "https://idp.example.com/" + "a" * 2048,
    ],
)
def test_a_doubtful_url_has_no_origin(url):
    with pytest.raises(ValueError) as refused:
        parse_origin(url)
    assert "secret" not in str(refused.value)
