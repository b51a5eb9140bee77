#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# ss --watch at a terminal and without one. The user is played by watch.py.
. "$(dirname "$0")/lib.bash"
world_up
cp "$(dirname "$0")"/{watch,ptyplay}.py "$T"
chmod 644 "$T"/*.py
cd "$T" || exit 1
as_user python3 "$T/watch.py" "$M"
