#include "workload.h"

#include "sys.h"
#include "text.h"

struct shared *workload_shared;

static char *self;
static char **environment;

int guest_main(int count, char **arguments, char **given)
{
	const char *amount = count > 2 ? arguments[2] : "";

	self = arguments[0];
	environment = given;
	workload_shared = shared_attach(given);
	if (!workload_shared)
		return 126;
	return workload_main(count > 1 ? arguments[1] : "", text_to_number(&amount));
}

long workload_start(const char *role, uint64_t amount)
{
	char number[21];
	char *arguments[4];

	number[text_from_number(number, amount)] = '\0';
	arguments[0] = self;
	arguments[1] = (char *)role;
	arguments[2] = number;
	arguments[3] = NULL;
	return spawn(self, arguments, environment);
}

int workload_start_all(const char *role, uint64_t amount, uint64_t count)
{
	for (; count; count--)
		if (workload_start(role, amount) < 0)
			return 0;
	return 1;
}

int workload_fail(const char *why)
{
	size_t length = 0;

	for (; why[length] && length < sizeof(workload_shared->why) - 1; length++)
		workload_shared->why[length] = why[length];
	workload_shared->why[length] = '\0';
	return 1;
}

int workload_faults(int on)
{
	long fd;

	if (!environment_value(environment, "oomlab_fault_page_alloc=") &&
	    !environment_value(environment, "oomlab_fault_slab="))
		return 0;
	fd = sys_open("/proc/thread-self/make-it-fail", OPEN_WRITE);
	if (fd < 0)
		return 0;
	sys_write((int)fd, on ? "1" : "0", 1);
	sys_close((int)fd);
	return on;
}

int wait_until_ready(uint64_t count)
{
	enum { POLL_MS = 5, POLLS = 12000 };

	for (int i = 0; i < POLLS; i++) {
		if (shared_get(&workload_shared->ready) >= count)
			return 1;
		sleep_ms(POLL_MS);
	}
	return 0;
}

int is_free_again(uint64_t kib)
{
	enum { POLL_MS = 20, POLLS = 1500 };

	for (int i = 0; i < POLLS; i++) {
		if (free_memory_kib() >= kib)
			return 1;
		sleep_ms(POLL_MS);
	}
	return 0;
}

static const char *option(const char *word, const char *fallback)
{
	const char *value = environment_value(environment, word);

	return value ? value : fallback;
}

uint64_t workload_option_count(const char *word, const char *fallback)
{
	const char *value = option(word, fallback);

	return text_to_number(&value);
}

static uint64_t percent_of_free(uint32_t percent)
{
	uint32_t free = (uint32_t)free_memory_kib();

	return (uint64_t)(free / 100) * percent + free % 100 * percent / 100;
}

uint64_t workload_option_kib(const char *word, const char *fallback)
{
	const char *value = option(word, fallback);
	uint64_t number = text_to_number(&value);

	switch (*value) {
	case '%':
		return percent_of_free((uint32_t)number);
	case 'G':
		return number << 20;
	case 'M':
		return number << 10;
	default:
		return number;
	}
}

/* In millionths; digits after the sixth are dropped. */
static uint32_t millionths(const char *value)
{
	uint32_t result = (uint32_t)text_to_number(&value) * 1000000;
	uint32_t weight = 100000;

	if (*value == '.')
		for (value++; *value >= '0' && *value <= '9' && weight; value++, weight /= 10)
			result += (uint32_t)(*value - '0') * weight;
	return result;
}

/* The kernel's generator may still be unseeded this early (GRND_INSECURE, since 5.6), so the clock has its say. */
static uint32_t random(void)
{
	enum { GRND_INSECURE = 4 };
	struct {
		uint32_t generator;
		uint64_t clock;
	} __attribute__((packed)) seed = { 0, now_us() };

	SYS(getrandom, &seed.generator, sizeof(seed.generator), GRND_INSECURE, 0, 0, 0);
	return text_checksum((const char *)&seed, sizeof(seed));
}

int workload_option_chance(const char *word, const char *fallback)
{
	return (uint64_t)random() * 1000000 >> 32 < millionths(option(word, fallback));
}
