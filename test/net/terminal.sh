#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# At a terminal: job control outside and inside, the window, the ends. The user
# who types is played by terminal.py.
. "$(dirname "$0")/lib.bash"
world_up
cp "$(dirname "$0")"/{terminal,ptyplay}.py "$T"
chmod 644 "$T"/*.py
cd "$T" || exit 1
as_user python3 "$T/terminal.py" "$M"
