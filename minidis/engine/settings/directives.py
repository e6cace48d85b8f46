"""The other directives of redis.conf: those that only a driver acts on, and those that nobody does yet.

A redis.conf that works for Redis is taken as it is. Each line here: the name (``!`` behind it: set at the
start only; ``?``: no answer to a pattern of CONFIG GET), its type, its default. The value is checked, kept,
and shown by CONFIG GET. What the engine
honours stands in config.py; what the TCP server honours is named in minidis/drivers/server.py.

    int A..B    a number in a range        memory       100mb        enum a b   one of these words
    bool        yes or no                  text         anything     words N    N words (0: any number)
    flags a b   some of these words        memory-from  at least and at most
    memory-or-percent, backlog, addresses, hostname, primary, percentiles, scores, title, never: see
    config.py

Mirrors: the tables at the end of config.c.
Differs: `bind` is `* -::*` in Redis; a server made for learning listens on the loopback interface unless it
is told otherwise.
Read next: config.py, which reads this table.
"""

from __future__ import annotations

OTHER_DIRECTIVES = """
acl-pubsub-default                   enum allchannels resetchannels     = resetchannels
aclfile!                             text                               =
acllog-max-len                       int 0..9223372036854775807         = 128
active-defrag-cycle-max              int 1..99                          = 25
active-defrag-cycle-min              int 1..99                          = 1
active-defrag-ignore-bytes           memory-from 1                      = 104857600
active-defrag-max-scan-fields        int 1..9223372036854775807         = 1000
active-defrag-threshold-lower        int 0..1000                        = 10
active-defrag-threshold-upper        int 0..1000                        = 100
activedefrag                         never                              = no
always-show-logo!                    bool                               = no
aof-disable-auto-gc                  bool                               = no
aof-load-truncated                   bool                               = yes
aof-rewrite-incremental-fsync        bool                               = yes
aof-timestamp-enabled                bool                               = no
aof-use-rdb-preamble                 bool                               = yes
aof_rewrite_cpulist!                 text                               =
appenddirname!                       text                               = appendonlydir
appendfilename!                      text                               = appendonly.aof
appendfsync                          enum everysec always no            = everysec
auto-aof-rewrite-min-size            memory                             = 67108864
auto-aof-rewrite-percentage          int 0..2147483647                  = 100
bgsave_cpulist!                      text                               =
bind                                 addresses                          = 127.0.0.1 -::1
bind-source-addr                     text                               =
bio_cpulist!                         text                               =
busy-reply-threshold/lua-time-limit  int 0..9223372036854775807         = 5000
client-query-buffer-limit            memory-from 1048576                = 1073741824
cluster-allow-pubsubshard-when-down  bool                               = yes
cluster-allow-reads-when-down        bool                               = no
cluster-allow-replica-migration      bool                               = yes
cluster-announce-bus-port            int 0..65535                       = 0
cluster-announce-hostname            hostname                           =
cluster-announce-human-nodename      text                               =
cluster-announce-ip                  text                               =
cluster-announce-port                int 0..65535                       = 0
cluster-announce-tls-port            int 0..65535                       = 0
cluster-config-file!                 text                               = nodes.conf
cluster-enabled!                     bool                               = no
cluster-link-sendbuf-limit           memory-from 0 18446744073709551615 = 0
cluster-migration-barrier            int 0..2147483647                  = 1
cluster-node-timeout                 int 0..9223372036854775807         = 15000
cluster-port!                        int 0..65535                       = 0
cluster-preferred-endpoint-type      enum ip hostname unknown-endpoint  = ip
cluster-replica-no-failover/cluster-slave-no-failover bool              = no
cluster-replica-validity-factor/cluster-slave-validity-factor int 0..2147483647 = 10
cluster-require-full-coverage        bool                               = yes
crash-log-enabled                    bool                               = yes
crash-memcheck-enabled               bool                               = yes
daemonize!                           bool                               = no
dbfilename                           text                               = dump.rdb
dir                                  text                               = .
disable-thp!                         bool                               = yes
dynamic-hz                           bool                               = yes
enable-debug-command!                enum no yes local                  = no
enable-module-command!               enum no yes local                  = no
enable-protected-configs!            enum no yes local                  = no
ignore-warnings                      text                               =
io-threads!                          int 1..128                         = 1
io-threads-do-reads!                 bool                               = no
jemalloc-bg-thread                   bool                               = yes
key-load-delay?                      int -2147483648..2147483647        = 0
latency-monitor-threshold            int 0..9223372036854775807         = 0
latency-tracking                     bool                               = yes
latency-tracking-info-percentiles    percentiles                        = 50 99 99.9
lazyfree-lazy-eviction               bool                               = no
lazyfree-lazy-expire                 bool                               = no
lazyfree-lazy-server-del             bool                               = no
lazyfree-lazy-user-del               bool                               = no
lazyfree-lazy-user-flush             bool                               = no
lfu-decay-time                       int 0..2147483647                  = 1
lfu-log-factor                       int 0..2147483647                  = 10
loading-process-events-interval-bytes? int 1024..2147483647             = 2097152
locale-collate                       text                               =
logfile!                             text                               =
loglevel                             enum debug verbose notice warning nothing = notice
lua-enable-deprecated-api!?          bool                               = no
masterauth                           text                               =
masteruser                           text                               =
maxmemory-clients                    memory-or-percent                  = 0
maxmemory-eviction-tenacity          int 0..100                         = 10
min-replicas-max-lag/min-slaves-max-lag int 0..2147483647               = 10
min-replicas-to-write/min-slaves-to-write int 0..2147483647             = 0
no-appendfsync-on-rewrite            bool                               = no
oom-score-adj                        enum no yes relative absolute      = no
oom-score-adj-values                 scores                             = 0 200 800
pidfile!                             text                               =
proc-title-template                  title                              = {title} {listen-addr} {server-mode}
propagation-error-behavior           enum ignore panic panic-on-replicas = ignore
protected-mode                       bool                               = yes
rdb-del-sync-files                   bool                               = no
rdb-key-save-delay?                  int -2147483648..2147483647        = 0
rdb-save-incremental-fsync           bool                               = yes
rdbchecksum!                         bool                               = yes
rdbcompression                       bool                               = yes
repl-backlog-size                    backlog                            = 1048576
repl-backlog-ttl                     int 0..9223372036854775807         = 3600
repl-disable-tcp-nodelay             bool                               = no
repl-diskless-load                   enum disabled on-empty-db swapdb   = disabled
repl-diskless-sync                   bool                               = yes
repl-diskless-sync-delay             int 0..2147483647                  = 5
repl-diskless-sync-max-replicas      int 0..2147483647                  = 0
repl-ping-replica-period/repl-ping-slave-period int 1..2147483647       = 10
repl-timeout                         int 1..2147483647                  = 60
replica-announce-ip/slave-announce-ip text                              =
replica-announce-port/slave-announce-port int 0..65535                  = 0
replica-announced                    bool                               = yes
replica-ignore-disk-write-errors     bool                               = no
replica-ignore-maxmemory/slave-ignore-maxmemory bool                    = yes
replica-lazy-flush/slave-lazy-flush  bool                               = no
replica-priority/slave-priority      int 0..2147483647                  = 100
replica-read-only/slave-read-only    bool                               = yes
replica-serve-stale-data/slave-serve-stale-data bool                    = yes
replicaof!/slaveof                   primary                            =
sanitize-dump-payload                enum no yes clients                = no
server_cpulist!                      text                               =
set-proc-title!                      bool                               = yes
shutdown-on-sigint                   flags default save nosave now force = default
shutdown-on-sigterm                  flags default save nosave now force = default
shutdown-timeout                     int 0..2147483647                  = 10
slowlog-log-slower-than              int -1..9223372036854775807        = 10000
slowlog-max-len                      int 0..9223372036854775807         = 128
socket-mark-id!                      int 0..4294967295                  = 0
stop-writes-on-bgsave-error          bool                               = yes
supervised!                          enum upstart systemd auto no       = no
syslog-enabled!                      bool                               = no
syslog-facility! enum user local0 local1 local2 local3 local4 local5 local6 local7 = local0
syslog-ident!                        text                               = redis
tcp-backlog!                         int 0..2147483647                  = 511
tcp-keepalive                        int 0..2147483647                  = 300
tls-auth-clients                     enum no yes optional               = yes
tls-ca-cert-dir                      text                               =
tls-ca-cert-file                     text                               =
tls-cert-file                        text                               =
tls-ciphers                          text                               =
tls-ciphersuites                     text                               =
tls-client-cert-file                 text                               =
tls-client-key-file                  text                               =
tls-client-key-file-pass             text                               =
tls-cluster                          bool                               = no
tls-dh-params-file                   text                               =
tls-key-file                         text                               =
tls-key-file-pass                    text                               =
tls-port                             int 0..65535                       = 0
tls-prefer-server-ciphers            bool                               = no
tls-protocols                        text                               =
tls-replication                      bool                               = no
tls-session-cache-size               int 0..2147483647                  = 20480
tls-session-cache-timeout            int 0..2147483647                  = 300
tls-session-caching                  bool                               = yes
tracking-table-max-keys              int 0..9223372036854775807         = 1000000
unixsocket!                          text                               =
unixsocketperm!                      octal                              = 0
use-exit-on-panic?                   bool                               = no
watchdog-period?                     int 0..2147483647                  = 0
"""
"""Names after a slash are older spellings of the same directive."""
