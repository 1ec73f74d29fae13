#include "frame.h"

#include "../guest/text.h"
#include "console.h"

#define FRAME_PREFIX "@oomlab "
#define COMMAND_PREFIX "!oomlab "

enum {
	PREFIX_BYTES = sizeof(FRAME_PREFIX) - 1,
	CHECKSUM_DIGITS = 8,
	CHECKSUM_BYTES = 2 + CHECKSUM_DIGITS, /* " *" and the digits */
	FIELDS_BYTES = 240,
};

static char text[FIELDS_BYTES + CHECKSUM_BYTES + 1];
static size_t used;
static uint32_t sequence;

static void append(const char *more, size_t length)
{
	for (size_t i = 0; i < length && used < FIELDS_BYTES; i++)
		text[used++] = more[i];
}

static void append_text(const char *more)
{
	append(more, text_length(more));
}

static void append_number(uint64_t value)
{
	char digits[20];

	append(digits, text_from_number(digits, value));
}

static void append_key(const char *key)
{
	append_text(" ");
	append_text(key);
	append_text("=");
}

void frame_begin(const char *kind)
{
	used = 0;
	append_text(FRAME_PREFIX);
	append_number(sequence++);
	append_text(" ");
	append_text(kind);
}

void frame_number(const char *key, uint64_t value)
{
	append_key(key);
	append_number(value);
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
	       c == '_' || c == '-';
}

void frame_word(const char *key, const char *value)
{
	if (!*value)
		return;
	append_key(key);
	for (; *value; value++)
		append(is_word(*value) ? value : "?", 1);
}

void frame_text_begin(const char *key)
{
	append_key(key);
}

static bool is_plain(char c)
{
	return c > ' ' && c < 127 && c != '%' && c != '+';
}

bool frame_text_add(char byte)
{
	char escaped[3] = "%";

	/* Room for ` more=1` stays. */
	if (used + sizeof(escaped) + 8 > FIELDS_BYTES)
		return false;
	if (is_plain(byte)) {
		append(&byte, 1);
	} else if (byte == ' ') {
		append("+", 1);
	} else {
		text_from_hex(escaped + 1, (unsigned char)byte, 2);
		append(escaped, sizeof(escaped));
	}
	return true;
}

size_t frame_send(void)
{
	uint32_t checksum = text_checksum(text + PREFIX_BYTES, used - PREFIX_BYTES);

	text[used++] = ' ';
	text[used++] = '*';
	text_from_hex(text + used, checksum, CHECKSUM_DIGITS);
	used += CHECKSUM_DIGITS;
	text[used++] = '\n';
	console_write(text, used);
	return used;
}

char *command_parse(char *line, size_t length)
{
	char expected[CHECKSUM_DIGITS];
	char *command, *end;

	if (length <= sizeof(COMMAND_PREFIX) - 1 + CHECKSUM_BYTES)
		return NULL;
	end = line + length - CHECKSUM_BYTES;
	if (end[0] != ' ' || end[1] != '*')
		return NULL;
	*end = '\0';
	command = (char *)text_after(line, COMMAND_PREFIX);
	if (!command)
		return NULL;
	text_from_hex(expected, text_checksum(command, (size_t)(end - command)), CHECKSUM_DIGITS);
	for (int i = 0; i < CHECKSUM_DIGITS; i++)
		if (end[2 + i] != expected[i])
			return NULL;
	return command;
}
