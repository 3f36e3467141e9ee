"""Where the lab is not CloudStack 4.18: the one list that code, `list apis` and tests share."""

from __future__ import annotations

#: APIs that CloudStack has not.
LAB_ONLY_APIS = frozenset({"cancelAsyncJob", "listTemplateSpoolRefs"})

#: Fields that CloudStack's response of the same API has not.
LAB_ONLY_FIELDS = {
    "queryAsyncJobResult": ("progress", "warnings"),
    "listAsyncJobs": ("progress", "warnings"),
    "listApis": ("labonly", "deviation"),
}

#: APIs that answer with a job here and at once in CloudStack.
LAB_ASYNC = frozenset({"prepareTemplate"})

#: Parameters that CloudStack's API has not.
LAB_ONLY_PARAMS = {
    "addHost": ("details",),
    "prepareHostForMaintenance": ("forced",),
    "prepareTemplate": ("refresh",),
    "updateHost": ("details",),
}

#: Differences in what an API takes or does.
DEVIATIONS = {
    "registerTemplate": (
        "In the lab displaytext may be left out (it is the name then), file: URLs and loopback "
        "addresses are sources too, and ostypeid defaults to Other Linux (64-bit)."
    ),
    "prepareTemplate": "In the lab it really downloads, as a job, and takes ISOs too.",
    "registerIso": (
        "In the lab displaytext may be left out (it is the name then), file: URLs and loopback "
        "addresses are sources too, and ostypeid defaults to Other Linux (64-bit)."
    ),
}
