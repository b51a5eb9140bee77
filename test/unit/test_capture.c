/* SPDX-License-Identifier: BSD-2-Clause */
/* The blocks of a capture, byte by byte, its bounds, and the files it may be written to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/drive.h"

static char directory[] = "/tmp/minato-capture.XXXXXX";
static char path[64];
static uint8_t bytes[1 << 20];
static struct drive_error error;

static struct drive_capture *begin(uint64_t size_max, uint32_t snap)
{
	struct drive_capture *capture = NULL;
	int fd = drive_capture_create(path, &error);

	assert_true(fd > 2);
	drive_capture_clear(fd);
	assert_int_equal(drive_capture_open(&capture, fd, size_max, snap), 0);
	return capture;
}

static size_t finish(struct drive_capture *capture)
{
	FILE *file;
	size_t size;

	drive_capture_free(capture);
	file = fopen(path, "re");
	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	return size;
}

static uint32_t word_at(size_t at)
{
	uint32_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

/* Walks over all blocks: each has its length at both ends. Returns how many there are of a type. */
static int count_blocks(size_t size, uint32_t type, size_t *last)
{
	int count = 0;

	for (size_t at = 0; at < size;) {
		uint32_t length = word_at(at + 4);

		assert_true(length >= 12 && length % 4 == 0 && at + length <= size);
		assert_int_equal(word_at(at + length - 4), length);
		if (word_at(at) == type) {
			count++;
			if (last)
				*last = at;
		}
		at += length;
	}
	return count;
}

static void add(struct drive_capture *capture, uint8_t *frame, uint32_t len, uint16_t csum_start)
{
	struct minato_extent extents[2] = { { frame, len / 3 },
					    { frame + len / 3, len - len / 3 } };
	struct drive_captured captured = {
		.extents = extents,
		.extent_count = 2,
		.len = len,
		.csum_start = csum_start,
		.csum_offset = 2,
		.from_guest = true,
	};

	drive_capture_frame(capture, &captured);
}

static void empty_capture_is_whole(void **state)
{
	size_t size = finish(begin(1 << 20, 0));

	(void)state;
	assert_int_equal(count_blocks(size, 0x0a0d0d0a, NULL), 1);
	assert_int_equal(count_blocks(size, 1, NULL), 1);
	assert_int_equal(count_blocks(size, 5, NULL), 1);
	assert_int_equal(word_at(8), 0x1a2b3c4d);
}

static void frame_is_kept_with_its_way(void **state)
{
	uint8_t frame[61];
	struct drive_capture *capture = begin(1 << 20, 0);
	size_t at = 0;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)i;
	add(capture, frame, sizeof(frame), 0);
	size = finish(capture);
	assert_int_equal(count_blocks(size, 6, &at), 1);
	assert_int_equal(word_at(at + 20), sizeof(frame));
	assert_int_equal(word_at(at + 24), sizeof(frame));
	assert_memory_equal(bytes + at + 28, frame, sizeof(frame));
	assert_int_equal(word_at(at + 28 + 64), 2 | 4 << 16); /* epb_flags, 4 bytes */
	assert_int_equal(word_at(at + 28 + 64 + 4), 2);	      /* outbound */
}

static void checksum_is_completed_in_the_copy(void **state)
{
	/* From byte 20 on: 0x1234, the field with a partial sum of 0x0102, an odd byte 0x80. */
	uint8_t frame[25] = { [20] = 0x12, 0x34, 0x01, 0x02, 0x80 };
	struct drive_capture *capture = begin(1 << 20, 0);
	size_t at = 0;
	size_t size;

	(void)state;
	add(capture, frame, sizeof(frame), 20);
	/* A field beyond the frame is left alone. */
	add(capture, frame, sizeof(frame), 24);
	size = finish(capture);
	assert_int_equal(count_blocks(size, 6, &at), 2);
	assert_memory_equal(bytes + at + 28, frame, sizeof(frame));
	at -= word_at(at - 4);
	/* ~(0x1234 + 0x0102 + 0x8000) */
	assert_int_equal(bytes[at + 28 + 22], 0x6c);
	assert_int_equal(bytes[at + 28 + 23], 0xc9);
	assert_int_equal(frame[22], 0x01);
}

static void put_file(const uint8_t *from, size_t size, int fd)
{
	drive_capture_clear(fd);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(write(fd, from, size), size);
}

/* A writer that is killed has written any number of the bytes of its last block. */
static void cut_block_is_taken_away(void **state)
{
	static uint8_t frame[61];
	static uint8_t whole[4096];
	struct drive_capture *capture = begin(1 << 20, 0);
	size_t at = 0;
	size_t block;
	size_t size;

	(void)state;
	add(capture, frame, sizeof(frame), 0);
	add(capture, frame, sizeof(frame), 0);
	size = finish(capture);
	assert_int_equal(count_blocks(size, 6, &at), 2);
	block = word_at(at + 4);
	memcpy(whole, bytes, size);
	/* From nothing, by the headers and both frames, to all. */
	for (size_t cut = 0; cut <= size; cut++) {
		int fd = drive_capture_create(path, &error);
		int frames = cut >= at + block ? 2 : cut >= at ? 1 : 0;

		put_file(whole, cut, fd);
		assert_int_equal(drive_capture_mend(fd), 0);
		assert_int_equal(drive_capture_open(&capture, fd, 1 << 20, 0), 0);
		add(capture, frame, sizeof(frame), 0);
		assert_int_equal(count_blocks(finish(capture), 6, NULL), frames + 1);
	}
}

/* No reader gets past a block without a length. */
static void what_no_reader_gets_past_is_taken_away(void **state)
{
	static const uint8_t zero[400];
	struct drive_capture *capture = begin(1 << 20, 0);
	size_t size = finish(capture);
	int fd = drive_capture_create(path, &error);

	(void)state;
	assert_int_equal(pwrite(fd, zero, sizeof(zero), (off_t)size), sizeof(zero));
	assert_int_equal(drive_capture_mend(fd), 0);
	assert_int_equal(drive_capture_open(&capture, fd, 1 << 20, 0), 0);
	assert_int_equal(count_blocks(finish(capture), 0x0a0d0d0a, NULL), 2);
}

static void what_is_not_ours_is_left_alone(void **state)
{
	static const uint8_t text[40] = "these are not the blocks of a capture";
	int fd = drive_capture_create(path, &error);
	struct stat info;

	(void)state;
	put_file(text, sizeof(text), fd);
	assert_int_equal(drive_capture_mend(fd), 0);
	assert_int_equal(fstat(fd, &info), 0);
	assert_int_equal(info.st_size, sizeof(text));
	close(fd);
}

static void snap_cuts_but_tells_the_length(void **state)
{
	static uint8_t frame[1000];
	struct drive_capture *capture = begin(1 << 20, 54);
	size_t at = 0;
	size_t size;

	(void)state;
	add(capture, frame, sizeof(frame), 0);
	add(capture, frame, 30, 0);
	size = finish(capture);
	assert_int_equal(count_blocks(size, 6, &at), 2);
	assert_int_equal(word_at(at + 20), 30);
	at -= word_at(at - 4);
	assert_int_equal(word_at(at + 20), 54);
	assert_int_equal(word_at(at + 24), 1000);
}

static void size_is_never_exceeded_and_said_once(void **state)
{
	static uint8_t frame[1400];
	struct minato_time now = { 1 };
	struct minato_time next = MINATO_NEVER;
	struct drive_capture *capture = begin(8192, 0);
	size_t size;
	int said = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		add(capture, frame, sizeof(frame), 0);
		said += drive_capture_turn(capture, now, &next) == DRIVE_CAPTURE_FULL;
	}
	assert_int_equal(said, 1);
	size = finish(capture);
	assert_in_range(size, 8192 - 1448, 8192);
	assert_int_equal(count_blocks(size, 6, NULL), 5);
	assert_int_equal(count_blocks(size, 5, NULL), 1);
}

static void the_next_writer_keeps_to_the_size_too(void **state)
{
	struct drive_capture *capture = begin(4096, 0);
	struct minato_time next = MINATO_NEVER;
	uint8_t frame[1000] = { 0 };
	size_t size;

	(void)state;
	for (int i = 0; i < 10; i++)
		add(capture, frame, sizeof(frame), 0);
	size = finish(capture);
	for (int i = 0; i < 20; i++) {
		int fd = drive_capture_create(path, &error);

		assert_true(lseek(fd, 0, SEEK_END) >= (off_t)size);
		assert_int_equal(drive_capture_open(&capture, fd, 4096, 0), 0);
		add(capture, frame, sizeof(frame), 0);
		size = finish(capture);
		assert_true(size <= 4096);
	}
	count_blocks(size, 6, NULL);
	capture = begin(4096, 0);
	assert_int_equal(drive_capture_turn(capture, drive_now(), &next), 0);
	finish(capture);
}

static void large_frames_pass_the_buffer(void **state)
{
	static uint8_t frame[65535];
	struct drive_capture *capture = begin(1 << 20, 0);

	(void)state;
	for (int i = 0; i < 10; i++)
		add(capture, frame, sizeof(frame), 0);
	assert_int_equal(count_blocks(finish(capture), 6, NULL), 10);
}

static void waiting_frames_are_written_after_a_while(void **state)
{
	uint8_t frame[60] = { 0 };
	struct minato_time next = MINATO_NEVER;
	struct drive_capture *capture = begin(1 << 20, 0);
	struct stat before, after;

	(void)state;
	assert_int_equal(stat(path, &before), 0);
	add(capture, frame, sizeof(frame), 0);
	assert_int_equal(drive_capture_turn(capture, (struct minato_time){ 1000 }, &next), 0);
	assert_true(next.ns > 1000 && next.ns < INT64_C(1000000000));
	assert_int_equal(drive_capture_turn(capture, next, &next), 0);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_size > before.st_size);
	(void)finish(capture);
}

static void full_disk_is_said_once(void **state)
{
	static uint8_t frame[1000];
	struct minato_time now = { 1 };
	struct minato_time next = MINATO_NEVER;
	struct drive_capture *capture = NULL;
	int said = 0;

	(void)state;
	assert_int_equal(drive_capture_open(&capture, open("/dev/full", O_WRONLY | O_CLOEXEC),
					    1 << 20, 0),
			 0);
	for (int i = 0; i < 1000; i++) {
		int result = drive_capture_turn(capture, now, &next);

		add(capture, frame, sizeof(frame), 0);
		assert_true(result == 0 || result == -ENOSPC);
		said += result != 0;
	}
	assert_int_equal(said, 1);
	drive_capture_free(capture);
}

static void fifo_without_room_drops(void **state)
{
	static uint8_t frame[60000];
	struct drive_capture *capture = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(drive_capture_open(&capture, ends[1], 1 << 30, 0), 0);
	for (int i = 0; i < 20; i++)
		add(capture, frame, sizeof(frame), 0);
	drive_capture_free(capture);
	assert_true(read(ends[0], bytes, sizeof(bytes)) > 60000);
	assert_int_equal(word_at(0), 0x0a0d0d0a);
	close(ends[0]);
}

static void what_may_not_be_written(void **state)
{
	char link[80];
	struct stat info;
	int fd;

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/link", directory);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(drive_capture_create(link, &error), -ELOOP);
	assert_non_null(strstr(error.text, "symbolic link"));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(drive_capture_create(directory, &error), -EISDIR);
	assert_int_equal(drive_capture_create("/dev/null", &error), -EINVAL);
	assert_int_equal(drive_capture_create("-", &error), -EINVAL);
	assert_non_null(strstr(error.text, "tshark"));
	assert_int_equal(drive_capture_create("/no/such/file", &error), -ENOENT);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_int_equal(drive_capture_create(link, &error), -ENXIO);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(chmod(path, 0644), 0);
	fd = drive_capture_create(path, &error);
	assert_true(fd > 2);
	close(fd);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 1, 1), 0);
		assert_int_equal(drive_capture_create(path, &error), -EPERM);
	}
}

static int start(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", directory);
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_capture_is_whole),
		cmocka_unit_test(frame_is_kept_with_its_way),
		cmocka_unit_test(checksum_is_completed_in_the_copy),
		cmocka_unit_test(cut_block_is_taken_away),
		cmocka_unit_test(what_no_reader_gets_past_is_taken_away),
		cmocka_unit_test(what_is_not_ours_is_left_alone),
		cmocka_unit_test(snap_cuts_but_tells_the_length),
		cmocka_unit_test(size_is_never_exceeded_and_said_once),
		cmocka_unit_test(the_next_writer_keeps_to_the_size_too),
		cmocka_unit_test(large_frames_pass_the_buffer),
		cmocka_unit_test(waiting_frames_are_written_after_a_while),
		cmocka_unit_test(full_disk_is_said_once),
		cmocka_unit_test(fifo_without_room_drops),
		cmocka_unit_test(what_may_not_be_written),
	};

	return cmocka_run_group_tests_name("capture", tests, start, end);
}
