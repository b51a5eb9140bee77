#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Check a text of metrics on standard input, as OpenMetrics 1.0 or, with --classic, as Prometheus
text 0.0.4, more strictly than a collector would: says what is wrong and ends with 1.

Families: one heading each, TYPE, UNIT (OpenMetrics, where there is a unit), HELP, before all their
samples, which stand together; the suffix that the type asks for; no sample twice; a closed set of
labels; counters are whole and not negative; the name begins with minato_.
"""

import re
import sys

NAME = r'[a-zA-Z_:][a-zA-Z0-9_:]*'
SAMPLE = re.compile(rf'({NAME})(?:\{{(.*)\}})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
LABELS = {'guest', 'proto', 'kind', 'state', 'dir', 'reason', 'event', 'rule', 'version', 'origin',
          'verdict'}
UNITS = {'bytes', 'seconds', 'ratio'}
SUFFIX = {'counter': '_total', 'info': '_info', 'gauge': ''}


def fail(number, what):
    sys.exit(f'line {number}: {what}')


def labels_of(number, text):
    found = []
    while text:
        match = LABEL.match(text)
        if not match:
            fail(number, f'labels: {text}')
        found.append((match[1], match[2]))
        text = text[match.end():]
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        fail(number, 'a label twice')
    if not set(names) <= LABELS:
        fail(number, f'labels that are not bounded: {set(names) - LABELS}')
    return tuple(found)


class Family:
    def __init__(self, name, kind):
        self.name, self.kind, self.said, self.samples = name, kind, {'TYPE'}, set()

    def sample_name(self, classic):
        return self.name if classic else self.name + SUFFIX[self.kind]


def heading(number, line, family, classic):
    words = line.split(' ', 3)
    if len(words) < 4 or not re.fullmatch(NAME, words[2]):
        fail(number, f'heading: {line}')
    _, what, name, text = words
    if what == 'TYPE':
        if text not in SUFFIX or (classic and text == 'info'):
            fail(number, f'type {text}')
        if not name.startswith('minato_'):
            fail(number, 'a name without minato_')
        if not classic and re.search('_(total|info)$', name):
            fail(number, 'a suffix in the name of a family')
        if classic and text == 'counter' and not name.endswith('_total'):
            fail(number, 'a counter without _total')
        return Family(name, text)
    if what not in ('UNIT', 'HELP') or (classic and what == 'UNIT'):
        fail(number, f'heading: {what}')
    if not family or family.name != name or family.samples or what in family.said:
        fail(number, f'{what} out of its place')
    if what == 'UNIT' and (text not in UNITS or not name.endswith('_' + text) or
                           'HELP' in family.said):
        fail(number, 'UNIT')
    family.said.add(what)
    return family


def sample(number, line, family, classic):
    match = SAMPLE.match(line)
    if not match:
        fail(number, f'no sample: {line}')
    if not family or match[1] != family.sample_name(classic):
        fail(number, f'{match[1]} is not of the family that was begun')
    if 'HELP' not in family.said:
        fail(number, 'a family without HELP')
    if not classic and family.name.rsplit('_', 1)[-1] in UNITS and 'UNIT' not in family.said:
        fail(number, 'a unit in the name that is not said')
    labels = labels_of(number, match[2] or '')
    if labels in family.samples:
        fail(number, 'the same sample again')
    family.samples.add(labels)
    value = float(match[3])
    if family.kind == 'counter' and (value < 0 or value != int(value)):
        fail(number, 'a counter is a count')
    if family.kind == 'info' and value != 1:
        fail(number, 'info is 1')


def main():
    classic = '--classic' in sys.argv
    text = sys.stdin.buffer.read().decode('utf-8')
    lines = text.split('\n')
    if lines.pop() != '':
        sys.exit('no newline at the end')
    if not classic and (not lines or lines.pop() != '# EOF'):
        sys.exit('no # EOF at the end')
    family, seen, count = None, set(), 0
    for number, line in enumerate(lines, 1):
        if line.startswith('# TYPE '):
            family = heading(number, line, family, classic)
            if family.name in seen:
                fail(number, f'{family.name} twice')
            seen.add(family.name)
        elif line.startswith('#'):
            family = heading(number, line, family, classic)
        else:
            sample(number, line, family, classic)
            count += 1
    print(f'{len(seen)} families, {count} samples')


main()
