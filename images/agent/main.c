/* PID 1 of the guest: says on the console that it lives, starts the workload, and says how it ended. */

#include "../guest/process.h"
#include "../guest/shared.h"
#include "../guest/sys.h"
#include "../guest/text.h"
#include "canary.h"
#include "console.h"
#include "faults.h"
#include "frame.h"
#include "modules.h"

enum { PROTOCOL = 1, BEAT_US = 1000000, CANARY_START_US = 1000000, MAX_WORDS = 64 };

static struct shared *shared;
static char *environment[MAX_WORDS + 1];
static char shared_word[32];
static int sysrq_fd;

static void check(const char *what, long result)
{
	if (result < 0)
		console_complain(what, result);
}

static void send_hello(unsigned page)
{
	frame_begin("hello");
	frame_number("v", PROTOCOL);
	frame_word("arch", GUEST_ARCH);
	frame_number("page", page);
	frame_number("ram", total_memory_kib());
	frame_send();
}

/* A loop that the compiler cannot shorten, a few milliseconds long under emulation. */
static void send_speed(void)
{
	uint32_t value = 1;
	uint64_t began = now_us();

	for (uint32_t i = 0; i < 500000; i++) {
		value = value * 1664525 + 1013904223;
		__asm__ volatile("" : "+r"(value));
	}
	frame_begin("speed");
	frame_number("us", now_us() - began);
	frame_send();
}

static void send_beat(void)
{
	uint64_t now = us_to_ms(now_us());
	uint64_t finished = shared_get(&shared->canary_finished_ms);

	frame_begin("beat");
	frame_number("t", now);
	frame_number("free", free_memory_kib());
	frame_number("rounds", shared_get(&shared->canary_rounds));
	frame_number("us", shared_get(&shared->canary_us));
	frame_number("age", now > finished ? now - finished : 0);
	frame_number("late", shared_get(&shared->canary_late_ms));
	frame_number("kills", shared_get(&shared->oom_kills));
	frame_number("reclaim", shared_get(&shared->reclaim));
	frame_number("units", shared_get(&shared->units));
	frame_send();
}

static void __attribute__((noreturn)) power_off(void)
{
	enum { MAGIC1 = (int)0xfee1dead, MAGIC2 = 672274793 };
	const uint32_t commands[] = { 0x4321fedc /* POWER_OFF */, 0x01234567 /* RESTART */ };

	frame_begin("bye");
	frame_send();
	console_drain();
	for (int i = 0; i < 2; i++)
		check("reboot", SYS(reboot, MAGIC1, MAGIC2, commands[i], 0, 0, 0));
	for (;;)
		sleep_ms(1000);
}

static void finish(const struct ending *ending, const char *why)
{
	frame_begin("finished");
	frame_number("status", (uint64_t)(ending->killed ? 128 + ending->status : ending->status));
	frame_number("units", shared_get(&shared->units));
	frame_word("why", ending->killed ? "killed" : why);
	frame_send();
	power_off();
}

/* The word that the workload left behind, ended whatever it wrote. */
static const char *workload_why(void)
{
	shared->why[sizeof(shared->why) - 1] = '\0';
	return shared->why;
}

static void obey(const char *command)
{
	const char *letter = text_after(command, "sysrq ");

	if (text_equal(command, "stop"))
		power_off();
	else if (text_equal(command, "ping"))
		send_beat();
	else if (letter && letter[0] && !letter[1])
		check("sysrq", sys_write(sysrq_fd, letter, 1));
}

/* The environment that the kernel made of its command line, and the word for the shared page. */
static void make_environment(char **given)
{
	size_t words = 0;

	while (given[words] && words < MAX_WORDS - 1) {
		environment[words] = given[words];
		words++;
	}
	if (shared_word[0])
		environment[words] = shared_word;
}

static void load_modules(void)
{
	const char *why = modules_load();

	if (why)
		finish(&(struct ending){ .status = 126 }, why);
}

static void arm_faults(void)
{
	const char *why = faults_arm(environment);

	if (why)
		finish(&(struct ending){ .status = 126 }, why);
}

static void start_canary(void)
{
	char *arguments[] = { "canary", NULL };
	uint64_t deadline = now_us() + CANARY_START_US;

	check("start the canary", spawn("/init", arguments, environment));
	while (!shared_get(&shared->canary_rounds) && now_us() < deadline)
		sleep_ms(1);
}

/* Starts the workload that the kernel command line names; its process id, or 0 without one. */
static int start_workload(void)
{
	const char *name = environment_value(environment, "oomlab_workload=");
	char path[64] = "/workloads/";
	char *arguments[] = { path, NULL };
	size_t used = text_length(path);
	long pid;

	if (!name)
		return 0;
	for (size_t i = 0; name[i] && used < sizeof(path) - 1; i++)
		path[used++] = name[i];
	pid = spawn(path, arguments, environment);
	if (pid < 0) {
		console_complain(path, pid);
		finish(&(struct ending){ .status = 127 }, "not-executable");
	}
	frame_begin("started");
	frame_word("name", name);
	frame_number("pid", (uint64_t)pid);
	frame_send();
	return (int)pid;
}

/* Touches the stack that will ever be used, and keeps all of this program in RAM (MCL_CURRENT | MCL_FUTURE). */
static void __attribute__((noinline)) stay_in_memory(void)
{
#if GUEST_MMU
	volatile char stack[16384];

	for (size_t i = 0; i < sizeof(stack); i += 4096)
		stack[i] = 0;
	check("mlockall", SYS(mlockall, 3, 0, 0, 0, 0, 0));
#endif
}

static void prepare(char **given)
{
	console_open();
	sys_mkdir("/proc");
	check("mount /proc", sys_mount("proc", "/proc", NULL));
	check("set oom_score_adj", set_oom_score_adj("-1000"));
	sysrq_fd = (int)sys_open("/proc/sysrq-trigger", OPEN_WRITE | OPEN_CLOSE_ON_EXEC);
	shared = shared_create(shared_word);
	if (!shared) {
		console_complain("share a page", 0);
		power_off();
	}
	make_environment(given);
	stay_in_memory();
}

static void __attribute__((noreturn)) run(int workload)
{
	uint64_t next_beat = now_us() + BEAT_US;

	for (;;) {
		struct wakeup wakeup = console_wait(next_beat);
		struct ending ending;

		if (wakeup.command)
			obey(wakeup.command);
		if (workload && wait_for(workload, WAIT_POLL, &ending) > 0)
			finish(&ending, workload_why());
		if (now_us() >= next_beat) {
			send_beat();
			next_beat = now_us() + BEAT_US;
		}
	}
}

int guest_main(int count, char **arguments, char **given)
{
	if (count && text_equal(arguments[0], "canary")) {
		shared = shared_attach(given);
		if (shared)
			canary_run(shared);
		return 1;
	}
	prepare(given);
	send_hello(page_bytes(given));
	send_speed();
	load_modules();
	arm_faults();
	start_canary();
	send_beat();
	run(start_workload());
}
