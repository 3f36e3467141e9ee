"""The lab's virtual router: one process in a network namespace of the lab's own, where guests' taps
hang on bridges. It knows no store, and makes of a state that it is given what the
kernel, nftables, dnsmasq and slirp4netns need.

A state is the whole of what is to be, as JSON:

    {"networks": [{"id": 3, "address": "10.1.1.1", "prefix": 24, "mac": "02:…", "domain": "lab",
                   "outgoing": "allow"|"deny", "egress": [RULE…], "services": ["Dhcp", …],
                   "vpc": 0, "access": {"ingress": [RULE…], "egress": [RULE…]}|null,
                   "guests": [{"nic": 12, "mac": "52:…", "address": "10.1.1.7", "name": "web1",
                               "addresses": ["10.1.1.7"],
                               "groups": {"ingress": [RULE…], "egress": [RULE…],
                                          "sends_all": true}|null}]}],
     "publics": [{"address": "127.77.0.5", "inside": "100.64.1.5",
                  "forwards": [{"protocol": "tcp", "port": 2222, "to": "10.1.1.7", "at": 22}],
                  "balancers": [{"id": 9, "protocol": "tcp", "port": 80, "algorithm": "leastconn",
                                 "servers": [{"name": "web1", "address": "10.1.1.7:80"}]}],
                  "sources": [3]}],
     "metadata": {"10.1.1.7": {"values": {"instance-id": "…"}, "userdata": "", "password": ""}}}

A balancer may have "sticky" and "check" (see balancer.py). A RULE is {"protocol", "start", "end",
"type", "code", "sources", "destinations"}; one of a VPC's tier has a "verdict" too (return or
drop), and says whether what comes from "outside" is meant. What is on the bridge of a network
without an address is its guests' own affair.
"""
