global
    stats socket /var/run/haproxy.sock mode 600 level admin
    stats socket ipv4@0.0.0.0:9999 level admin
    stats timeout 30s
    log 127.0.0.1 local1 notice
defaults
    log global
    mode http
    option httplog
    timeout connect 5000
    timeout client 50000
    timeout server 50000
listen stats
    bind *:1936
    stats enable
    stats uri /
frontend localnodes
    bind *:80
    default_backend nodes
backend nodes
    option httpchk HEAD /
    balance roundrobin
    option forwardfor
    # HANDLEBARS START
    {{#each addresses}}
    server {{ host }} {{ ip }}:3000 check
    {{/each}}
    # HANDLEBARS STOP
