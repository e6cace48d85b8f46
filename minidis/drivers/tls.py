"""TLS: the contexts that the `tls-*` directives ask for, made by Python's ssl module.

    tls-port 6380                 listens beside `port`, or instead of it (port 0)
    tls-cert-file, tls-key-file   who we are (tls-key-file-pass, if the key is locked)
    tls-ca-cert-file or -dir      whom we believe
    tls-auth-clients              yes: a client shows a certificate too; optional: if it has one; no
    tls-protocols                 "TLSv1.2 TLSv1.3": these alone
    tls-client-cert-file, ...     who we are when we connect ourselves (tls-replication)

Mirrors: tls.c (tlsConfigure).
Differs: Python's ssl module decides about `tls-ciphersuites`,
`tls-dh-params-file` and the cache of sessions.
Read next: server.py.
"""

from __future__ import annotations

import ssl

from minidis.engine.settings.config import Config

_VERIFICATION = {"yes": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "no": ssl.CERT_NONE}
_PROTOCOLS = {
    "tlsv1": ssl.OP_NO_TLSv1,
    "tlsv1.1": ssl.OP_NO_TLSv1_1,
    "tlsv1.2": ssl.OP_NO_TLSv1_2,
    "tlsv1.3": ssl.OP_NO_TLSv1_3,
}


class TlsError(Exception):
    """The directives do not make a context: the message says which, and why."""


def check_tls(config: Config) -> None:
    """Raise TlsError if TLS is asked for and the directives do not make the contexts it needs."""
    if config.tls_port or config.tls_replication or config.tls_cluster:
        server_context(config)
        client_context(config)


def server_context(config: Config) -> ssl.SSLContext:
    """What clients that come in are met with."""
    if not config.tls_cert_file:
        raise TlsError("No tls-cert-file configured!")
    context = _context(ssl.PROTOCOL_TLS_SERVER, config)
    _identify(context, config.tls_cert_file, config.tls_key_file, config.tls_key_file_pass)
    context.verify_mode = _VERIFICATION[config.tls_auth_clients]
    if context.verify_mode is not ssl.CERT_NONE and not (config.tls_ca_cert_file or config.tls_ca_cert_dir):
        raise TlsError(
            "Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-cluster, tls-replication "
            "or tls-auth-clients are enabled!"
        )
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE  # which Python sets by itself
    if config.tls_prefer_server_ciphers:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def client_context(config: Config) -> ssl.SSLContext:
    """What we connect with ourselves.  A certificate is believed whatever name it has, as in Redis."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, config)
    context.check_hostname = False
    if config.tls_client_cert_file:
        _identify(
            context, config.tls_client_cert_file, config.tls_client_key_file, config.tls_client_key_file_pass
        )
    elif config.tls_cert_file:
        _identify(context, config.tls_cert_file, config.tls_key_file, config.tls_key_file_pass)
    return context


def _context(side: int, config: Config) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    wanted = config.tls_protocols.lower().split()
    unknown = set(wanted) - set(_PROTOCOLS)
    if unknown:
        raise TlsError(f"Invalid tls-protocols specified: {' '.join(sorted(unknown))}")
    for name, refusal in _PROTOCOLS.items():
        if wanted and name not in wanted:
            context.options |= refusal
    try:
        if config.tls_ca_cert_file or config.tls_ca_cert_dir:
            context.load_verify_locations(config.tls_ca_cert_file or None, config.tls_ca_cert_dir or None)
        if config.tls_ciphers:
            context.set_ciphers(config.tls_ciphers)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"Failed to configure CA certificate(s) or ciphers: {error}") from None
    return context


def _identify(context: ssl.SSLContext, certificate: str, key: str, password: str) -> None:
    try:
        context.load_cert_chain(certificate, key or None, password or None)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"Failed to load certificate: {certificate}: {error}") from None
