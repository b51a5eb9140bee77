#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Command lines are completed in bash, zsh and fish, from the program's own tables.
. "$(dirname "$0")/lib.bash"
world_up
mkdir -p "$T/bin"
ln -s "$M" "$T/bin/minato"
run_guest harbour-one -- sleep 600
run_guest harbour-two -- sleep 600

# Every shell asks for the guests of this user.
cat >"$T/complete.bash" <<'X'
PATH=$1/bin:$PATH
shift
eval "$(minato completion bash)"
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_minato
printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' '
X
chmod a+r "$T/complete.bash"
in_bash() { as_user bash --norc "$T/complete.bash" "$T" "$@"; }
is "bash: a command" "$(in_bash minato com)" "completion "
is "bash: an option of the command" "$(in_bash minato run --host-l)" "--host-loopback "
is "bash: the guests" "$(in_bash minato stop ha)" "harbour-one harbour-two "
is "bash: the guests as the value of an option" "$(in_bash minato ss --in harbour-t)" "harbour-two "
has "bash: the program of run" "$(in_bash minato run --mtu 1400 slee)" "sleep"
has "bash: the program of run, after --" "$(in_bash minato run -- slee)" "sleep"
has "bash: the program of exec" "$(in_bash minato exec harbour-one slee)" "sleep"
is "bash: files for the words of that program" "$(in_bash minato exec harbour-one cat "$T/complete.b")" "$T/complete.bash "
is "bash: no options of ours among them" "$(in_bash minato run cat --host-l)" " "
is "bash: the commands as operands of help" "$(in_bash minato help ex)" "exec "
is "bash: what reserve can do" "$(in_bash minato reserve "")" "add list rm "
is "bash: and nothing behind it" "$(in_bash minato forward rm "")" " "
is "bash: the words of a filter" "$(in_bash minato ss -t d)" "dev dport dst "
is "bash: states where one is wanted" "$(in_bash minato ss state fin)" "fin-wait-1 fin-wait-2 "
is "bash: nothing where a number is wanted" "$(in_bash minato run --mtu "")" " "

# Nothing is missing: each option of each command's help is offered.
offered() {
	local command option missing=0
	for command in $("$M" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
		for option in $("$M" "$command" --help | grep -Eo '^ {2,6}(-[a-zA-Z0-9], )?--[a-z0-9-]+' | grep -Eo -- '--.*'); do
			in_bash minato "$command" "$option" | grep -q -- "^$option " || {
				echo "$command $option"
				missing=1
			}
		done
	done
	return $missing
}
ok "bash: every option of every command" offered

in_zsh() { # LINE WANTED: what zsh makes of it
	as_user env PATH="$T/bin:$PATH" ZDOTDIR="$T" python3 "$T/zsh.py" "$1" "$2" | tr -d '\r\n\0'
}
zsh_makes() { has "$1" "$(in_zsh "$2" "$3")" "$3"; }
cat >"$T/zsh.py" <<'X'
import os, pty, re, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "vt100"
    os.execvp("zsh", ["zsh", "-f", "-i"])
def read(wanted, seconds=10):
    text, end = "", time.time() + seconds
    while time.time() < end and not re.search(wanted, text):
        if select.select([fd], [], [], 0.1)[0]:
            text += os.read(fd, 65536).decode(errors="replace")
    return text
def send(text):
    os.write(fd, text.encode())
send("PS1='READY> '; autoload -Uz compinit; compinit -u -D; zstyle ':completion:*' list-prompt ''; LISTMAX=0; "
     "eval \"$(minato completion zsh)\"; echo O''K\n")
read(r"OK[\r\n].*READY> ")
send(sys.argv[1] + "\t")
print(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", read(sys.argv[2], 5)))
send("\x03")
os.close(fd)
X
chmod a+r "$T/zsh.py"
if command -v zsh >/dev/null; then
	zsh_makes "zsh: a command" 'minato compl' "minato completion"
	zsh_makes "zsh: an option" 'minato run --host-l' "minato run --host-loopback"
	zsh_makes "zsh: what reserve can do" 'minato reserve li' "minato reserve list"
	zsh_makes "zsh: the words of a filter" 'minato ss autob' "minato ss autobound"
	zsh_makes "zsh: the guests" 'minato stop harbour-o' "minato stop harbour-one"
else
	skip "zsh" "zsh is not installed"
fi
in_fish() {
	as_user env PATH="$T/bin:$PATH" fish --no-config -c \
		"minato completion fish | source; complete -C '$1'" | cut -f 1 | sort | tr '\n' ' '
}
if command -v fish >/dev/null; then
	is "fish: a command" "$(in_fish 'minato compl')" "completion "
	is "fish: an option" "$(in_fish 'minato run --host-l')" "--host-loopback "
	is "fish: what reserve can do" "$(in_fish 'minato reserve ')" "add list rm "
	is "fish: and nothing behind it" "$(in_fish 'minato reserve add ')" ""
	is "fish: the words of a filter" "$(in_fish 'minato ss d')" "dev dport dst "
	is "fish: the guests" "$(in_fish 'minato stop ha')" "harbour-one harbour-two "
else
	skip "fish" "fish is not installed"
fi
has "a shell nobody knows" "$("$M" completion tcsh 2>&1)" "tcsh.*bash, fish and zsh"
finish
