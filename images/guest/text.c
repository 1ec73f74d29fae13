#include "text.h"

size_t text_length(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

bool text_equal(const char *a, const char *b)
{
	const char *rest = text_after(a, b);

	return rest && !*rest;
}

const char *text_after(const char *text, const char *prefix)
{
	for (; *prefix; text++, prefix++)
		if (*text != *prefix)
			return NULL;
	return text;
}

size_t text_append(char *buffer, size_t size, size_t used, const char *more)
{
	while (*more && used < size - 1)
		buffer[used++] = *more++;
	buffer[used] = '\0';
	return used;
}

size_t text_from_number(char *buffer, uint64_t value)
{
	size_t length = 0;
	static const uint64_t powers[] = {
		10000000000000000000u, 1000000000000000000u, 100000000000000000u, 10000000000000000u,
		1000000000000000u,     100000000000000u,     10000000000000u,     1000000000000u,
		100000000000u,	       10000000000u,	     1000000000u,	  100000000u,
		10000000u,	       1000000u,	     100000u,		  10000u,
		1000u,		       100u,		     10u,		  1u,
	};

	for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		char digit = '0';

		for (; value >= powers[i]; value -= powers[i])
			digit++;
		if (digit != '0' || length || powers[i] == 1)
			buffer[length++] = digit;
	}
	return length;
}

void text_from_hex(char *buffer, uint64_t value, unsigned digits)
{
	while (digits--) {
		buffer[digits] = "0123456789abcdef"[value & 15];
		value >>= 4;
	}
}

uint64_t text_to_number(const char **text)
{
	uint64_t value = 0;

	for (; **text >= '0' && **text <= '9'; (*text)++)
		value = value * 10 + (uint64_t)(**text - '0');
	return value;
}

uint32_t text_checksum(const char *text, size_t length)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 16777619u;
	return hash;
}
