/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows of verify: one line for each requirement, in the order of the RFCs. Ids are the RFC and
 * its number, or, for RFC 7857, U and its section.
 *
 * function and id, level, minato meets it, what is asked
 */
#ifndef VERIFY_TABLE_H
#define VERIFY_TABLE_H

/* clang-format off */
#define VERIFY_ROWS_4787(X) /* UDP */ \
	X(4787, R1, "4787-R1", MUST, true, \
	  "One inside endpoint keeps one outside endpoint for all destinations") \
	X(4787, R2, "4787-R2", SHOULD, true, \
	  "With an address pool, one inside host stays on one address") \
	X(4787, R3, "4787-R3", MUST, true, \
	  "Never share one outside port between two inside endpoints") \
	X(4787, R3a, "4787-R3a", SHOULD, true, \
	  "Ports under 1024 map under 1024, others above") \
	X(4787, R4, "4787-R4", SHOULD, true, \
	  "Keep odd ports odd and even ports even") \
	X(4787, R5, "4787-R5", MUST, true, \
	  "A UDP mapping survives at least two idle minutes") \
	X(4787, R5a, "4787-R5a", MUST, true, \
	  "Shorter timers only for specific well-known destination ports") \
	X(4787, R5b, "4787-R5b", MAY, true, \
	  "The UDP timer may be configurable") \
	X(4787, R5c, "4787-R5c", SHOULD, true, \
	  "Default UDP timer: five minutes or more") \
	X(4787, R6, "4787-R6", MUST, true, \
	  "Outbound packets always refresh the mapping") \
	X(4787, R6a, "4787-R6a", MAY, true, \
	  "Inbound packets may refresh it too") \
	X(4787, R7, "4787-R7", MUST, true, \
	  "Cope with equal inside and outside address ranges") \
	X(4787, R8, "4787-R8", MUST, true, \
	  "Filter endpoint-independent for transparency, address-dependent for strictness") \
	X(4787, R8a, "4787-R8a", MAY, true, \
	  "The administrator may choose the filtering") \
	X(4787, R9, "4787-R9", MUST, true, \
	  "Support hairpinning between inside hosts") \
	X(4787, R9a, "4787-R9a", MUST, true, \
	  "Hairpinned packets carry the sender's external address and port") \
	X(4787, R10, "4787-R10", SHOULD, true, \
	  "Application gateways for UDP are off by default") \
	X(4787, R10a, "4787-R10a", MAY, true, \
	  "Each gateway helper can be switched separately") \
	X(4787, R11, "4787-R11", MUST, true, \
	  "Behaviour never changes with time, load or luck") \
	X(4787, R12, "4787-R12", MUST, true, \
	  "No ICMP message ever ends a mapping") \
	X(4787, R12a, "4787-R12a", SHOULD, true, \
	  "Do not filter ICMP by source address by default") \
	X(4787, R12b, "4787-R12b", SHOULD, true, \
	  "Pass ICMP destination-unreachable") \
	X(4787, R13, "4787-R13", MUST, true, \
	  "Too big with DF set: answer \"fragmentation needed\"") \
	X(4787, R13a, "4787-R13a", MUST, true, \
	  "Too big without DF: fragment, send in order") \
	X(4787, R14, "4787-R14", MUST, true, \
	  "Accept fragments in any order") \
	X(4787, R14a, "4787-R14a", MUST, true, \
	  "Fragment floods must not harm other packets")
#define VERIFY_ROWS_5382(X) /* TCP */ \
	X(5382, R1, "5382-R1", MUST, true, \
	  "Endpoint-independent mapping for TCP too") \
	X(5382, R2, "5382-R2", MUST, true, \
	  "Pass every valid TCP sequence, whichever side starts") \
	X(5382, R2a, "5382-R2a", MUST, true, \
	  "Including simultaneous open") \
	X(5382, R3, "5382-R3", MUST, true, \
	  "Filtering as in UDP R8, for TCP") \
	X(5382, R3ab, "5382-R3ab", MAY, true, \
	  "Administrator may choose; independent of the UDP choice") \
	X(5382, R4, "5382-R4", MUST, true, \
	  "Stay silent six seconds on an unsolicited inbound SYN") \
	X(5382, R4cont, "5382-R4cont", SHOULD, true, \
	  "Matching outbound SYN meanwhile: drop it; else ICMP port unreachable") \
	X(5382, R4a, "5382-R4a", MAY, true, \
	  "If policy forbids answering, drop silently") \
	X(5382, R5, "5382-R5", MUST, true, \
	  "Idle established >= 2 h 4 min; half-open/closing >= 4 min") \
	X(5382, R5a, "5382-R5a", MAY, true, \
	  "These timers may be configurable") \
	X(5382, R6, "5382-R6", MUST, true, \
	  "TCP helpers off by default (FTP's may be on; minato has none)") \
	X(5382, R7, "5382-R7", MUST, true, \
	  "No port overloading") \
	X(5382, R8, "5382-R8", MUST, true, \
	  "Hairpin TCP, with the external source address and port") \
	X(5382, R9, "5382-R9", MUST, true, \
	  "Translate ICMP destination-unreachable for TCP") \
	X(5382, R10, "5382-R10", MUST, true, \
	  "No ICMP ends a mapping or connection")
#define VERIFY_ROWS_5508(X) /* ICMP */ \
	X(5508, R1, "5508-R1", MUST, true, \
	  "Let inside hosts query outside and get replies") \
	X(5508, R1a, "5508-R1a", MUST, true, \
	  "Query-identifier mapping independent of the outside host") \
	X(5508, R2, "5508-R2", MUST, true, \
	  "Query timer at least 60 s, preferably configurable") \
	X(5508, R3, "5508-R3", MUST, true, \
	  "Drop ICMP errors with a bad ICMP checksum") \
	X(5508, R3a, "5508-R3a", MUST, true, \
	  "Drop when the embedded IP checksum is bad") \
	X(5508, R3b, "5508-R3b", MUST, true, \
	  "Step over embedded IP options") \
	X(5508, R3c, "5508-R3c", MUST, true, \
	  "Do not verify the embedded transport checksum") \
	X(5508, R3d, "5508-R3d", SHOULD, true, \
	  "Ignore padding and ICMP extensions when correcting checksums") \
	X(5508, R4, "5508-R4", MUST, true, \
	  "Outside error without mapping: drop; with: translate inwards") \
	X(5508, R4abc, "5508-R4abc", MUST, true, \
	  "Restore embedded packet, keep type/code, fix outer destination") \
	X(5508, R5, "5508-R5", MUST, true, \
	  "Inside error without mapping: drop; with: translate outwards") \
	X(5508, R5abc, "5508-R5abc", MUST, true, \
	  "Restore embedded packet, keep type/code, use public source") \
	X(5508, R6, "5508-R6", MUST, true, \
	  "ICMP errors neither refresh nor delete query sessions") \
	X(5508, R7, "5508-R7", MUST, true, \
	  "Hairpin ICMP errors; Basic NAT hairpins queries also") \
	X(5508, R8, "5508-R8", SHOULD, true, \
	  "No resources for a new flow: ICMP unreachable code 13") \
	X(5508, R9, "5508-R9", MAY, true, \
	  "Policy may silence generated ICMP per interface") \
	X(5508, R10a, "5508-R10a", MUST, true, \
	  "Must support unreachable, time exceeded, echo") \
	X(5508, R10b, "5508-R10b", MAY, true, \
	  "May support redirect, timestamp, mask, parameter problem, router messages") \
	X(5508, R10c, "5508-R10c", SHOULD, true, \
	  "Should not support source quench, information request") \
	X(5508, R10def, "5508-R10def", SHOULD, true, \
	  "DS field, when-not-to-send and rate-limit rules advised") \
	X(5508, R11, "5508-R11", SHOULD, true, \
	  "Other ICMP types: drop or handle sensibly")
#define VERIFY_ROWS_6888(X) /* carrier-grade */ \
	X(6888, R1, "6888-R1", MUST, true, \
	  "Obey the UDP, TCP, ICMP and DCCP lists (DCCP is optional)") \
	X(6888, R2, "6888-R2", MUST, true, \
	  "Paired addresses by default, per subscriber") \
	X(6888, R3, "6888-R3", MUST, true, \
	  "Any size, any non-contiguous address pool") \
	X(6888, R4, "6888-R4", MUST, true, \
	  "Cap external ports per subscriber") \
	X(6888, R4abc, "6888-R4abc", SHOULD, true, \
	  "Cap configurable, per protocol, plus new-mapping rate cap") \
	X(6888, R5, "6888-R5", SHOULD, true, \
	  "Cap memory per mapping and subscriber, and its growth rate") \
	X(6888, R6, "6888-R6", MUST, true, \
	  "Translation can be switched off for chosen destinations") \
	X(6888, R7, "6888-R7", SHOULD, true, \
	  "Endpoint-independent filtering recommended") \
	X(6888, R8, "6888-R8", SHOULD, true, \
	  "Freed port rests 120 s before reuse") \
	X(6888, R8abc, "6888-R8abc", MAY, true, \
	  "Exempt: tracked TCP, static blocks, previously filtered mappings") \
	X(6888, R8end, "6888-R8end", SHOULD, true, \
	  "Rest time and resting count are configurable") \
	X(6888, R9, "6888-R9", MUST, false, \
	  "Offer subscribers explicit mapping control, preferably PCP") \
	X(6888, R10, "6888-R10", SHOULD, false, \
	  "Be manageable by standard means") \
	X(6888, R11a, "6888-R11a", MUST, true, \
	  "Cannot map: drop the packet") \
	X(6888, R11b, "6888-R11b", SHOULD, true, \
	  "Answer ICMP host unreachable (code 1)") \
	X(6888, R11c, "6888-R11c", MUST, true, \
	  "Tell the management system") \
	X(6888, R11d, "6888-R11d", MUST, true, \
	  "Never evict old mappings to make room") \
	X(6888, R12, "6888-R12", SHOULD, true, \
	  "Do not log destinations unless required") \
	X(6888, R13, "6888-R13", SHOULD, true, \
	  "Use the port space fully") \
	X(6888, R14, "6888-R14", SHOULD, true, \
	  "Keep log volume small") \
	X(6888, R15, "6888-R15", SHOULD, true, \
	  "Make ports hard to guess")
#define VERIFY_ROWS_7857(X) /* updates; the section is the number */ \
	X(7857, U2, "7857-U2", MUST, true, \
	  "Track TCP with a defined small state machine") \
	X(7857, U2_1, "7857-U2.1", MUST, true, \
	  "Separate configurable timers for opening and closing; default 4 min") \
	X(7857, U2_2, "7857-U2.2", SHOULD, true, \
	  "Translate RST, keep the state four more minutes") \
	X(7857, U3, "7857-U3", MAY, true, \
	  "One port may serve different hosts toward different destinations") \
	X(7857, U4, "7857-U4", SHOULD, true, \
	  "Paired address full: drop, or optionally use another address") \
	X(7857, U5, "7857-U5", MUST, true, \
	  "Mappings are per protocol by default") \
	X(7857, U6, "7857-U6", SHOULD, true, \
	  "Filters are per protocol by default") \
	X(7857, U7, "7857-U7", MUST, true, \
	  "Rejected inbound packets never refresh a mapping") \
	X(7857, U7_1, "7857-U7.1", SHOULD, true, \
	  "Outbound ICMP errors and RSTs do not refresh") \
	X(7857, U8, "7857-U8", MAY, true, \
	  "Parity keeping may be off, but requestable") \
	X(7857, U9, "7857-U9", SHOULD, true, \
	  "Follow RFC 6056 for changed ports") \
	X(7857, U10, "7857-U10", SHOULD, true, \
	  "Rewrite the IP identification field properly") \
	X(7857, U11, "7857-U11", MAY, true, \
	  "Query mapping may go with its last session") \
	X(7857, U12, "7857-U12", MUST, true, \
	  "Keep address mappings needed for ICMP hairpins")

#define VERIFY_ROWS(X) \
	VERIFY_ROWS_4787(X) \
	VERIFY_ROWS_5382(X) \
	VERIFY_ROWS_5508(X) \
	VERIFY_ROWS_6888(X) \
	VERIFY_ROWS_7857(X)

/* Where they contradict each other: what minato does, and that it does it. */
#define VERIFY_SETTLED(X) \
	X(settled, S1, "S1", MAY, true, \
	  "4787-R3 and 5382-R7 against 7857-U3: overlap only where no port is free") \
	X(settled, S2, "S2", MAY, true, \
	  "5508-R8 against 6888-R11b: code 13 at a host's bound, code 1 where nothing is left") \
	X(settled, S3, "S3", MAY, true, \
	  "4787-R4 against 7857-U8: parity is kept on request alone") \
	X(settled, S4, "S4", MAY, true, \
	  "6888-R13, R14, R15: the whole space, scattered, and one message for each mapping")
/* clang-format on */

#endif
