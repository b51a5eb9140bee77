#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Several insides over the host's own sockets, by an ordinary user.
AS_USER=gateway_host_insides exec bash "$(dirname "$0")/gateway_user.sh" "$@"
