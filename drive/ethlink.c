/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames between an interface and a host value, by a packet socket.
 *
 * Small frames come by a ring (intake.c), which also says who is served first in a flood; large
 * ones, and all of them where the kernel gives no ring, by recvmmsg straight into leased chunks. Of
 * what leaves runs of equal datagrams go as one frame (coalesce.c), small frames by a ring
 * (ethring.c), large ones by sendmmsg.
 */
#include "drive/intake.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <libmnl/libmnl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"
#include "minato/gateway.h"

#define BATCH_IN 64u
#define BATCH_IN_LARGE 8u /* more only evicts from the cache what was just read */
#define BATCH_IN_MIN 8u
#define LARGE 16384u
#define BATCH_OUT 64u
#define PARTS_MAX 1024u	   /* of a batch that leaves */
#define CONVERSES_FRAMES 8 /* a step of a small exchange */
#define CONVERSES_BYTES 4096
#define TAG 4u /* IEEE 802.1Q */
#define MACS 12u
#define ETHERNET 14u

/* Room for what the kernel says beside a frame: its VLAN. */
union control {
	char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	size_t align;
};

_Static_assert(DRIVE_INTAKE_BATCH <= BATCH_IN, "a batch of either way has room");

struct arrivals {
	struct mmsghdr messages[BATCH_IN];
	struct iovec parts[BATCH_IN][2];
	struct virtio_net_hdr headers[BATCH_IN];
	union control controls[BATCH_IN];
	uint32_t chunks[BATCH_IN];
	struct minato_frame frames[BATCH_IN];
};

/* The first part of a frame that leaves. */
struct head {
	struct virtio_net_hdr vnet;
	uint8_t bytes[TAG + DRIVE_RUN_HEADER];
};

struct departures {
	struct mmsghdr messages[BATCH_OUT];
	struct head heads[BATCH_OUT];
	uint32_t frames[BATCH_OUT]; /* of the host value's, in each */
	uint32_t bytes[BATCH_OUT];
	struct iovec parts[PARTS_MAX];
	uint32_t count;
	uint32_t used; /* of the parts */
};

struct drive_link {
	int fd;
	int sender; /* has the ring */
	int watch;
	unsigned index;
	uint32_t link;
	uint16_t vlan;
	uint32_t batch; /* how many frames are asked for at once */
	struct drive_link_state state;
	struct drive_link_stats stats;
	struct drive_link_stats heard; /* at the last drive_link_converses */
	bool last_in, last_out;	       /* which ways the last frames before that went */
	bool last_small;	       /* and that they were few and small */
	struct arrivals in;
	struct departures out;
	struct drive_intake *intake; /* NULL: there is none */
	struct minato_time now;	     /* of the last frames that came */
	uint64_t refused;	     /* calls that are not worth asking who made them */
	struct drive_ring ring;
	uint32_t ring_frames, ring_sends;
	uint64_t ring_bytes;		     /* of what waits in it */
	uint8_t scratch[MINATO_CHUNK_LARGE]; /* where no chunk can be had */
};

/* The interface is asked how it is; the answer comes as news. */
/* syscalls: sendto */
static void ask(const struct drive_link *link)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} ask = {
		.header = { .nlmsg_len = sizeof(ask),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST },
		.info = { .ifi_family = AF_UNSPEC, .ifi_index = (int)link->index },
	};

	(void)!send(link->watch, &ask, sizeof(ask), MSG_DONTWAIT);
}

/* syscalls: close */
int drive_link_open(struct drive_link **out, const struct drive_link_ends *ends, uint32_t link)
{
	struct drive_link *l = calloc(1, sizeof(*l));

	if (!l) {
		close(ends->packet);
		close(ends->sender);
		close(ends->watch);
		return -ENOMEM;
	}
	l->fd = ends->packet;
	l->sender = ends->sender;
	l->watch = ends->watch;
	l->index = ends->index;
	l->link = link;
	l->vlan = ends->vlan;
	l->batch = BATCH_IN_MIN;
	l->state = (struct drive_link_state){ .up = ends->up, .mtu = ends->mtu };
	memcpy(l->state.mac, ends->mac, sizeof(l->state.mac));
	/* Without it, all goes by sendmmsg. */
	(void)drive_ring_open(&l->ring, l->sender);
	/* And comes by recvmmsg. */
	(void)drive_intake_open(&l->intake, l->fd, ends->trusted, ends->forwards);
	/* It may have changed since it was opened, for another process than this one. */
	ask(l);
	*out = l;
	return 0;
}

void drive_link_free(struct drive_link *link)
{
	if (!link)
		return;
	drive_ring_close(&link->ring);
	drive_intake_close(link->intake);
	close(link->fd);
	close(link->sender);
	close(link->watch);
	free(link);
}

int drive_link_fd(const struct drive_link *link)
{
	return link->fd;
}

/* The kernel counts from call to call. */
/* syscalls: getsockopt */
void drive_link_stats(struct drive_link *link, struct drive_link_stats *stats)
{
	struct tpacket_stats since = { 0 };
	socklen_t size = sizeof(since);
	struct drive_intake_counts counts;

	if (getsockopt(link->fd, SOL_PACKET, PACKET_STATISTICS, &since, &size) == 0)
		link->stats.in_dropped += since.tp_drops;
	if (link->intake) {
		drive_intake_counts(link->intake, &counts);
		link->stats.in_shed = link->refused + counts.shed;
		link->stats.in_asked = counts.asked;
		link->stats.in_answered = counts.answered;
	}
	*stats = link->stats;
}

bool drive_link_converses(struct drive_link *link)
{
	uint64_t in = link->stats.frames_in - link->heard.frames_in;
	uint64_t out = link->stats.frames_out - link->heard.frames_out;
	uint64_t bytes = link->stats.bytes_in - link->heard.bytes_in + link->stats.bytes_out -
			 link->heard.bytes_out;
	bool small = in + out <= CONVERSES_FRAMES && bytes <= CONVERSES_BYTES;
	bool answers = (in && link->last_out) || (out && link->last_in) || (in && out);
	/* An acknowledgement of much is no answer for which one would wait. */
	bool converses = answers && small && link->last_small;

	if (!in && !out)
		return false;
	link->heard = link->stats;
	link->last_in = in > 0;
	link->last_out = out > 0;
	link->last_small = small;
	return converses;
}

/* ---- in ---- */

static void expect(struct arrivals *in, uint32_t i, void *base, size_t len)
{
	in->parts[i][0] = (struct iovec){ &in->headers[i], sizeof(in->headers[i]) };
	in->parts[i][1] = (struct iovec){ base, len };
	in->messages[i].msg_hdr = (struct msghdr){
		.msg_iov = in->parts[i],
		.msg_iovlen = 2,
		.msg_control = in->controls[i].bytes,
		.msg_controllen = sizeof(in->controls[i].bytes),
	};
}

/* The VLAN that the kernel took off the frame; 0: none, or one of priority alone. */
static uint16_t vlan_of(struct msghdr *message)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct tpacket_auxdata aux;

	if (!control || control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
		return 0;
	memcpy(&aux, CMSG_DATA(control), sizeof(aux));
	return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci & 0xfff : 0;
}

/*
 * Whether a frame that came is one for the host value, then described; else it was counted. It has
 * data, len and chunk already.
 */
static bool take(struct drive_link *link, const struct virtio_net_hdr *header, uint8_t *bytes,
		 uint16_t vlan, struct minato_frame *frame)
{
	if (vlan != link->vlan) {
		link->stats.in_vlan++;
		return false;
	}
	frame->data = bytes;
	frame->link = link->link;
	if (!drive_vnet_take(header, frame, bytes)) {
		link->stats.in_malformed++;
		return false;
	}
	link->stats.frames_in++;
	link->stats.bytes_in += frame->len;
	return true;
}

/* The same of what was read. */
static bool take_message(struct drive_link *link, uint32_t i, struct minato_frame *frame)
{
	struct arrivals *in = &link->in;
	struct msghdr *message = &in->messages[i].msg_hdr;
	uint32_t len = in->messages[i].msg_len;

	if (len <= sizeof(in->headers[i])) {
		link->stats.in_malformed++;
		return false;
	}
	if (message->msg_flags & MSG_TRUNC) {
		link->stats.in_long++;
		return false;
	}
	*frame = (struct minato_frame){ .len = len - (uint32_t)sizeof(in->headers[i]),
					.chunk = MINATO_CHUNK_NONE };
	return take(link, &in->headers[i], in->parts[i][1].iov_base, vlan_of(message), frame);
}

/* An error is of the interface (down: ENETDOWN): then nothing is there to be read. */
/* syscalls: recvmmsg */
static uint32_t receive(struct drive_link *link, uint32_t count)
{
	int got;

	do
		got = recvmmsg(link->fd, link->in.messages, count, MSG_DONTWAIT, NULL);
	while (got < 0 && errno == EINTR);
	return got < 0 ? 0 : (uint32_t)got;
}

static int read_starved(struct drive_link *link, struct minato *host, struct minato_time now)
{
	struct minato_frame frame;

	expect(&link->in, 0, link->scratch, sizeof(link->scratch));
	if (receive(link, 1) == 0)
		return 0;
	link->stats.in_no_chunk++;
	if (take_message(link, 0, &frame))
		minato_input(host, now, &frame, 1);
	return 1;
}

static uint32_t lease_all(struct drive_link *link, struct minato *host)
{
	struct minato_extent where;
	uint32_t count = 0;

	for (; count < link->batch; count++) {
		link->in.chunks[count] = minato_lease(host, &where);
		if (link->in.chunks[count] == MINATO_CHUNK_NONE)
			break;
		expect(&link->in, count, where.base, where.len);
	}
	return count;
}

/* As many next time as came this time and some more, but only few while they are large. */
static void adapt(struct drive_link *link, uint32_t got, bool large)
{
	if (large)
		link->batch = BATCH_IN_LARGE;
	else if (got == link->batch && got < BATCH_IN)
		link->batch *= 2;
	else if (got < link->batch / 4 && link->batch > BATCH_IN_MIN)
		link->batch /= 2;
}

static int read_messages(struct drive_link *link, struct minato *host, struct minato_time now)
{
	struct arrivals *in = &link->in;
	uint32_t leased = lease_all(link, host);
	uint32_t got = leased > 0 ? receive(link, leased) : 0;
	uint32_t count = 0;
	bool large = false;

	if (leased == 0)
		return read_starved(link, host, now);
	for (uint32_t i = 0; i < got; i++) {
		if (!take_message(link, i, &in->frames[count])) {
			minato_unlease(host, in->chunks[i]);
			continue;
		}
		large |= in->frames[count].len > LARGE;
		in->frames[count++].chunk = in->chunks[i];
	}
	for (uint32_t i = got; i < leased; i++)
		minato_unlease(host, in->chunks[i]);
	adapt(link, got, large);
	if (count > 0)
		minato_input(host, now, in->frames, count);
	return (int)got;
}

/* The next of the socket's queue, which the frame's slot says is there. */
static bool take_queued(struct drive_link *link, struct minato *host, struct minato_frame *frame)
{
	struct minato_extent where = { link->scratch, sizeof(link->scratch) };
	uint32_t chunk = minato_lease(host, &where);
	bool came;

	if (chunk == MINATO_CHUNK_NONE)
		link->stats.in_no_chunk++;
	expect(&link->in, 0, where.base, where.len);
	/* The first may tell of an error of the interface, and leaves the frame there. */
	came = receive(link, 1) == 1 || receive(link, 1) == 1;
	if (came && take_message(link, 0, frame)) {
		frame->chunk = chunk;
		return true;
	}
	if (chunk != MINATO_CHUNK_NONE)
		minato_unlease(host, chunk);
	return false;
}

static bool take_slot(struct drive_link *link, const struct drive_taken *taken,
		      struct minato_frame *frame)
{
	struct virtio_net_hdr header;

	if (taken->where == DRIVE_TAKEN_CUT) {
		link->stats.in_dropped++;
		return false;
	}
	memcpy(&header, taken->header, sizeof(header));
	*frame = (struct minato_frame){ .len = taken->len, .chunk = MINATO_CHUNK_NONE };
	return take(link, &header, taken->bytes, taken->vlan, frame);
}

/* An error of the interface keeps the socket readable until somebody has asked for it. */
/* syscalls: getsockopt */
static void clear_error(const struct drive_link *link)
{
	int error;
	socklen_t size = sizeof(error);

	(void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size);
}

/* Nobody is asked, as it would not be let in, or is for ourselves. */
static void serve_some(struct drive_link *link, struct minato *host,
		       const struct minato_frame *frame)
{
	if (drive_intake_may_begin(link->intake, link->now))
		minato_input(host, link->now, frame, 1);
	else
		link->refused++;
}

/* Calls of a flood: who sent those that would be let in is asked whether he is there. */
static void ask_callers(struct drive_link *link, struct minato *host,
			const struct drive_taken *taken, uint32_t count)
{
	uint8_t bytes[DRIVE_INTAKE_BATCH][DRIVE_ASKING_MAX];
	struct minato_extent extents[DRIVE_INTAKE_BATCH];
	struct minato_frame_out asking[DRIVE_INTAKE_BATCH];
	const struct minato_time begun = drive_now();
	struct minato_frame frame;
	uint32_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t len = 0;

		if (!taken[i].asks || !take_slot(link, &taken[i], &frame))
			continue;
		if (minato_would_call(host, &frame))
			len = drive_intake_ask(link->intake, &taken[i], link->now, bytes[n]);
		if (len == 0) {
			serve_some(link, host, &frame);
			continue;
		}
		extents[n] = (struct minato_extent){ bytes[n], len };
		asking[n] = (struct minato_frame_out){ .extents = &extents[n],
						       .extent_count = 1,
						       .len = len,
						       .link = link->link,
						       .header_len = (uint16_t)len };
		n++;
	}
	if (n > 0)
		drive_link_send(link, asking, n);
	drive_intake_spent(link->intake, drive_now().ns - begun.ns);
}

static int read_ring(struct drive_link *link, struct minato *host, struct minato_time now)
{
	struct drive_taken taken[DRIVE_INTAKE_BATCH];
	struct minato_frame *frames = link->in.frames;
	uint32_t got = drive_intake_take(link->intake, now, taken);
	uint32_t count = 0;
	bool asks = false;

	link->now = now;
	if (got == 0)
		clear_error(link);
	for (uint32_t i = 0; i < got; i++) {
		bool queued = taken[i].where == DRIVE_TAKEN_QUEUED;

		asks |= taken[i].asks;
		if (taken[i].asks)
			continue;
		if (queued ? !take_queued(link, host, &frames[count]) :
			     !take_slot(link, &taken[i], &frames[count]))
			continue;
		count++;
		/* The scratch is for one. */
		if (queued && frames[count - 1].chunk == MINATO_CHUNK_NONE) {
			minato_input(host, now, frames, count);
			count = 0;
		}
	}
	if (count > 0)
		minato_input(host, now, frames, count);
	if (asks)
		ask_callers(link, host, taken, got);
	drive_intake_done(link->intake);
	return (int)got;
}

int drive_link_read(struct drive_link *link, struct minato *host, struct minato_time now)
{
	return link->intake ? read_ring(link, host, now) : read_messages(link, host, now);
}

/* ---- out ---- */

static void count_lost(struct drive_link *link, int error, uint32_t frames)
{
	if (error == EAGAIN || error == ENOBUFS || error == ENOMEM)
		link->stats.out_full += frames;
	else if (error == ENETDOWN || error == ENXIO || error == ENODEV)
		link->stats.out_down += frames;
	else
		link->stats.out_refused += frames;
}

static void flush_ring(struct drive_link *link)
{
	uint32_t lost;
	int result = drive_ring_send(&link->ring, &lost);

	if (lost > 0)
		count_lost(link, -result, lost);
	/* Which of the bytes those were is not known: their share is. */
	if (link->ring_frames > 0)
		link->stats.bytes_out +=
			link->ring_bytes * (link->ring_frames - lost) / link->ring_frames;
	link->stats.frames_out += link->ring_frames - lost;
	link->stats.sends += link->ring_sends;
	link->ring_frames = 0;
	link->ring_sends = 0;
	link->ring_bytes = 0;
}

/* syscalls: sendmmsg */
static void flush_messages(struct drive_link *link)
{
	struct departures *out = &link->out;
	uint32_t done = 0;

	while (done < out->count) {
		int sent =
			sendmmsg(link->fd, out->messages + done, out->count - done, MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			count_lost(link, errno, out->frames[done++]);
			continue;
		}
		for (int i = 0; i < sent; i++, done++) {
			link->stats.frames_out += out->frames[done];
			link->stats.bytes_out += out->bytes[done];
			link->stats.sends++;
		}
	}
	out->count = 0;
	out->used = 0;
}

/* Never both have something: what goes the other way goes behind it. */
static void flush(struct drive_link *link)
{
	flush_ring(link);
	flush_messages(link);
}

static void add_part(struct departures *out, void *base, size_t len)
{
	out->parts[out->used++] = (struct iovec){ base, len };
}

/* The frame's bytes behind the first `skip`. */
static void add_rest(struct departures *out, const struct minato_frame_out *frame, size_t skip)
{
	for (uint32_t i = 0; i < frame->extent_count; i++) {
		const struct minato_extent *e = &frame->extents[i];

		if (skip >= e->len) {
			skip -= e->len;
			continue;
		}
		add_part(out, (uint8_t *)e->base + skip, e->len - skip);
		skip = 0;
	}
}

/* Puts the tag behind the addresses, in a head that has `size` bytes. */
static size_t tag(struct head *head, uint16_t vlan, size_t size)
{
	memmove(head->bytes + MACS + TAG, head->bytes + MACS, size - MACS);
	head->bytes[MACS] = 0x81;
	head->bytes[MACS + 1] = 0x00;
	head->bytes[MACS + 2] = (uint8_t)(vlan >> 8);
	head->bytes[MACS + 3] = (uint8_t)vlan;
	if (head->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		head->vnet.csum_start = (uint16_t)(head->vnet.csum_start + TAG);
	if (head->vnet.hdr_len)
		head->vnet.hdr_len = (uint16_t)(head->vnet.hdr_len + TAG);
	return size + TAG;
}

/*
 * Whether a message of so many bytes leaves by the ring; what waits on the other way goes first. A
 * frame that is too long for the interface does not: there it would be lost without a word.
 */
static bool choose_ring(struct drive_link *link, const struct drive_run *run, uint32_t len)
{
	bool fits = len <= DRIVE_RING_BYTES - TAG &&
		    (run->count > 1 || len <= link->state.mtu + ETHERNET);

	if (fits && !drive_ring_free(&link->ring))
		flush_ring(link);
	if (fits && drive_ring_free(&link->ring)) {
		if (link->out.count > 0)
			flush_messages(link);
		return true;
	}
	flush_ring(link);
	return false;
}

static void add_to_ring(struct drive_link *link, const struct iovec *first, uint32_t frames,
			uint32_t len)
{
	struct departures *out = &link->out;

	drive_ring_put(&link->ring, first, (uint32_t)(&out->parts[out->used] - first), frames);
	out->used = (uint32_t)(first - out->parts);
	link->ring_frames += frames;
	link->ring_bytes += len;
	link->ring_sends++;
}

/* A message of the run's frames, one or more: they follow one another in the vector. */
static void add(struct drive_link *link, const struct minato_frame_out *const *frames,
		const struct drive_run *run, uint32_t len)
{
	const struct minato_frame_out *frame = frames[0];
	uint32_t count = run->count > 1 ? run->count : 1;
	bool ring = choose_ring(link, run, count > 1 ? run->len : frame->len);
	struct departures *out = &link->out;
	struct head *head = &out->heads[out->count];
	struct iovec *first = &out->parts[out->used];
	struct minato_frame_out whole = *frame;
	size_t own = 0; /* bytes of the frame that stand in the head */

	if (count > 1) {
		whole.gso = MINATO_GSO_UDP;
		whole.gso_size = (uint16_t)run->each;
		drive_run_header(run, head->bytes);
		own = frame->header_len;
	} else if (link->vlan) {
		own = MACS;
		memcpy(head->bytes, frame->extents[0].base, MACS);
	}
	drive_vnet_give(&whole, &head->vnet);
	add_part(out, head, sizeof(head->vnet) + (link->vlan ? tag(head, link->vlan, own) : own));
	for (uint32_t i = 0; i < count; i++)
		add_rest(out, frames[i], i == 0 ? own : frame->header_len);
	if (ring) {
		add_to_ring(link, first, count, len);
		return;
	}
	out->messages[out->count].msg_hdr = (struct msghdr){
		.msg_iov = first,
		.msg_iovlen = (size_t)(&out->parts[out->used] - first),
	};
	out->frames[out->count] = count;
	out->bytes[out->count++] = len;
}

/* Whether a message of so many parts has room yet; else what there is goes first. */
static void make_room(struct drive_link *link, uint32_t parts)
{
	if (link->out.count == BATCH_OUT || link->out.used + parts > PARTS_MAX)
		flush(link);
}

/* The next frame for this link, from i on; `count` if there is none. */
static size_t next_own(const struct drive_link *link, const struct minato_frame_out *frames,
		       size_t i, size_t count)
{
	while (i < count && frames[i].link != link->link)
		i++;
	return i;
}

void drive_link_send(struct drive_link *link, const struct minato_frame_out *frames, size_t count)
{
	const struct minato_frame_out *members[DRIVE_RUN_MAX];
	size_t i = next_own(link, frames, 0, count);

	while (i < count) {
		const struct minato_frame_out *first = members[0] = &frames[i];
		uint32_t parts = first->extent_count + 1;
		uint32_t len = first->len;
		struct drive_run run;
		bool more = drive_run_begin(&run, first);

		if (link->intake)
			drive_intake_leaves(link->intake, first, link->now);
		i = next_own(link, frames, i + 1, count);
		while (more && i < count && drive_run_take(&run, &frames[i])) {
			members[run.count - 1] = &frames[i];
			parts += frames[i].extent_count;
			len += frames[i].len;
			i = next_own(link, frames, i + 1, count);
		}
		if (parts > PARTS_MAX) {
			link->stats.out_refused += run.count > 1 ? run.count : 1;
			continue;
		}
		make_room(link, parts);
		add(link, members, &run, len);
	}
	flush(link);
}

/* ---- news ---- */

int drive_link_watch(const struct drive_link *link)
{
	return link->watch;
}

/* What one message says. */
struct news {
	struct drive_link *link;
	struct minato_addr *kernel;
	size_t room;
	size_t *count;
};

static int take_link_attribute(const struct nlattr *attribute, void *user)
{
	struct drive_link_state *state = user;
	uint16_t size = mnl_attr_get_payload_len(attribute);

	if (mnl_attr_get_type(attribute) == IFLA_MTU && size == 4)
		state->mtu = mnl_attr_get_u32(attribute);
	if (mnl_attr_get_type(attribute) == IFLA_ADDRESS && size == sizeof(state->mac))
		memcpy(state->mac, mnl_attr_get_payload(attribute), sizeof(state->mac));
	return MNL_CB_OK;
}

static void take_link(struct drive_link *link, const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*info) ||
	    info->ifi_index != (int)link->index)
		return;
	if (message->nlmsg_type == RTM_DELLINK) {
		link->state.gone = true;
		link->state.up = false;
		return;
	}
	link->state.up = (info->ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	(void)mnl_attr_parse(message, sizeof(*info), take_link_attribute, &link->state);
}

/* IPv4 has the interface's own address in IFA_LOCAL, IPv6 mostly in IFA_ADDRESS alone. */
static int take_address_attribute(const struct nlattr *attribute, void *user)
{
	struct minato_addr *addr = user;
	uint16_t type = mnl_attr_get_type(attribute);
	uint16_t size = mnl_attr_get_payload_len(attribute);

	if (type == IFA_LOCAL && size == 4) {
		*addr = minato_addr4(0, 0, 0, 0);
		memcpy(addr->bytes + 12, mnl_attr_get_payload(attribute), 4);
	} else if ((type == IFA_LOCAL || type == IFA_ADDRESS) && size == 16) {
		memcpy(addr->bytes, mnl_attr_get_payload(attribute), 16);
	}
	return MNL_CB_OK;
}

static void take_address(const struct news *news, const struct nlmsghdr *message)
{
	struct minato_addr addr = { { 0 } };

	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct ifaddrmsg) ||
	    *news->count == news->room)
		return;
	(void)mnl_attr_parse(message, sizeof(struct ifaddrmsg), take_address_attribute, &addr);
	news->kernel[(*news->count)++] = addr;
}

static void take_datagram(const struct news *news, const void *bytes, int len)
{
	const struct nlmsghdr *message = bytes;

	for (; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
		if (message->nlmsg_type == RTM_NEWLINK || message->nlmsg_type == RTM_DELLINK)
			take_link(news->link, message);
		else if (message->nlmsg_type == RTM_NEWADDR)
			take_address(news, message);
	}
}

/* syscalls: recvfrom */
bool drive_link_news(struct drive_link *link, struct drive_link_state *state,
		     struct minato_addr *kernel, size_t room, size_t *count)
{
	const struct drive_link_state before = link->state;
	const struct news news = { link, kernel, room, count };
	union {
		struct nlmsghdr align;
		uint8_t bytes[16384];
	} buffer;

	*count = 0;
	for (;;) {
		ssize_t got = recv(link->watch, buffer.bytes, sizeof(buffer.bytes), MSG_DONTWAIT);

		if (got < 0 && errno == ENOBUFS)
			ask(link); /* more happened than the kernel could keep for us */
		else if (got == 0 || (got < 0 && errno != EINTR))
			break;
		else if (got > 0)
			take_datagram(&news, buffer.bytes, (int)got);
	}
	*state = link->state;
	return before.up != state->up || before.gone != state->gone || before.mtu != state->mtu ||
	       memcmp(before.mac, state->mac, sizeof(state->mac)) != 0;
}
