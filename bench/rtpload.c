// RTP load for the benchmarks: many legs on one UDP socket, told apart by the far end's port.
//
// Each leg sends PCMU, 20 ms a packet, spread evenly over the 20 ms: a quiet tone, and once a second a loud packet, the
// impulse. A leg that hears an impulse notes how long ago its partner sent it. Loss and jitter are RFC 3550's.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_LEGS = 4096,
  PAYLOAD = 160,
  PACKET = 12 + PAYLOAD,
  SLOTS = 20,        // of 1 ms in each 20 ms
  IMPULSE_EVERY = 50 // packets
};
enum { MAX_DELAYS = 1 << 20 };

struct leg {
  struct sockaddr_in target;
  _Atomic int active;
  int partner;
  uint16_t sequence;
  uint32_t timestamp;
  _Atomic int64_t impulse_sent_ns;
  // receiving
  uint64_t received, first_sequence, highest_sequence;
  double jitter;  // in timestamp units, 1/8000 s
  int64_t last_transit;
  int64_t last_impulse_ns;
};

static struct leg legs[MAX_LEGS];
static int leg_count, socket_fd = -1;
static int leg_of_port[65536];
static _Atomic int running, measuring;
static pthread_t sender, receiver;
static uint8_t quiet[PAYLOAD], loud[PAYLOAD];
static float delays_ms[MAX_DELAYS];
static _Atomic int delay_count;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint8_t ulaw(int sample) {
  int sign = sample < 0 ? 0x80 : 0, exponent = 7;
  int magnitude = (sample < 0 ? -sample : sample) + 0x84;
  if (magnitude > 0x7FFF) magnitude = 0x7FFF;
  for (int mask = 0x4000; exponent > 0 && !(magnitude & mask); mask >>= 1) exponent--;
  return (uint8_t)~(sign | (exponent << 4) | ((magnitude >> (exponent + 3)) & 0x0F));
}

// Open the socket on any port; returns the port, or -1.
int load_open(void) {
  for (int i = 0; i < PAYLOAD; i++) {
    quiet[i] = ulaw((int)(300 * sin(2 * M_PI * 400 * i / 8000.0)));
    loud[i] = ulaw((int)(30000 * sin(2 * M_PI * 400 * i / 8000.0)));
  }
  for (int i = 0; i < 65536; i++) leg_of_port[i] = -1;
  socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
  int size = 8 << 20;
  setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(socket_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  struct timeval patience = {.tv_usec = 100000};
  setsockopt(socket_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(socket_fd, (struct sockaddr*)&address, length) != 0) return -1;
  getsockname(socket_fd, (struct sockaddr*)&address, &length);
  return ntohs(address.sin_port);
}

static void send_slot(int slot) {
  static uint8_t packets[MAX_LEGS][PACKET];
  static struct mmsghdr messages[MAX_LEGS];
  static struct iovec parts[MAX_LEGS];
  int count = 0, total = leg_count;
  for (int i = slot; i < total; i += SLOTS) {
    struct leg* leg = &legs[i];
    if (!leg->active) continue;
    uint8_t* packet = packets[count];
    packet[0] = 0x80;
    packet[1] = 0;
    *(uint16_t*)(packet + 2) = htons(leg->sequence);
    *(uint32_t*)(packet + 4) = htonl(leg->timestamp);
    *(uint32_t*)(packet + 8) = htonl((uint32_t)i + 1);
    int impulse = (leg->sequence + i) % IMPULSE_EVERY == 0;
    memcpy(packet + 12, impulse ? loud : quiet, PAYLOAD);
    leg->sequence++;
    leg->timestamp += PAYLOAD;
    if (impulse) leg->impulse_sent_ns = now_ns();
    parts[count] = (struct iovec){packet, PACKET};
    memset(&messages[count], 0, sizeof messages[count]);
    messages[count].msg_hdr.msg_name = &leg->target;
    messages[count].msg_hdr.msg_namelen = sizeof leg->target;
    messages[count].msg_hdr.msg_iov = &parts[count];
    messages[count].msg_hdr.msg_iovlen = 1;
    count++;
  }
  for (int sent = 0; sent < count;) {
    int done = sendmmsg(socket_fd, messages + sent, (unsigned)(count - sent), 0);
    if (done <= 0) break;
    sent += done;
  }
}

static void* send_all(void* unused) {
  int64_t next = now_ns();
  for (int slot = 0; running; slot = (slot + 1) % SLOTS) {
    next += 1000000;
    struct timespec until = {next / 1000000000, next % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    send_slot(slot);
  }
  return unused;
}

static void on_packet(int port, const uint8_t* packet, int64_t now) {
  int index = leg_of_port[port];
  if (index < 0 || !measuring) return;
  struct leg* leg = &legs[index];
  uint16_t sequence = ntohs(*(const uint16_t*)(packet + 2));
  uint32_t timestamp = ntohl(*(const uint32_t*)(packet + 4));
  if (leg->received == 0) {
    leg->first_sequence = leg->highest_sequence = sequence;
  } else {
    int16_t step = (int16_t)(sequence - (uint16_t)leg->highest_sequence);
    if (step > 0) leg->highest_sequence += (uint64_t)step;
  }
  int64_t transit = now / 125000 - timestamp;
  if (leg->received > 0) {
    int64_t difference = llabs((long long)(int32_t)(transit - leg->last_transit));
    leg->jitter += ((double)difference - leg->jitter) / 16;
  }
  leg->last_transit = transit;
  leg->received++;
  int heard = 0;
  for (int i = 12; i < PACKET; i++) heard += (packet[i] & 0x7F) < 0x18;
  if (heard > 4 && now - leg->last_impulse_ns > 300000000) {
    leg->last_impulse_ns = now;
    int64_t sent = legs[leg->partner].impulse_sent_ns;
    int slot = atomic_fetch_add(&delay_count, 1);
    if (sent && slot < MAX_DELAYS) delays_ms[slot] = (float)(now - sent) / 1e6f;
  }
}

static void* receive_all(void* unused) {
  enum { BATCH = 256 };
  static uint8_t packets[BATCH][2048];
  static struct mmsghdr messages[BATCH];
  static struct iovec parts[BATCH];
  static struct sockaddr_in sources[BATCH];
  while (running) {
    for (int i = 0; i < BATCH; i++) {
      parts[i] = (struct iovec){packets[i], sizeof packets[i]};
      memset(&messages[i], 0, sizeof messages[i]);
      messages[i].msg_hdr.msg_iov = &parts[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &sources[i];
      messages[i].msg_hdr.msg_namelen = sizeof sources[i];
    }
    int count = recvmmsg(socket_fd, messages, BATCH, MSG_WAITFORONE, NULL);
    int64_t now = now_ns();
    for (int i = 0; i < count; i++)
      if (messages[i].msg_len == PACKET) on_packet(ntohs(sources[i].sin_port), packets[i], now);
  }
  return unused;
}

// Begin sending for a new leg to 127.0.0.1:port. Legs 2n and 2n+1 are partners. Returns its number.
int load_add(int index, int port) {
  struct leg* leg = &legs[index];
  leg->target = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  leg->partner = index ^ 1;
  leg_of_port[port] = index;
  leg->active = 1;
  if (index >= leg_count) leg_count = index + 1;
  return index;
}

void load_start(void) {
  running = 1;
  pthread_create(&receiver, NULL, receive_all, NULL);
  pthread_create(&sender, NULL, send_all, NULL);
}

// Measure from here on.
void load_measure(void) {
  measuring = 0;
  usleep(50000);
  for (int i = 0; i < leg_count; i++) {
    legs[i].received = 0;
    legs[i].jitter = 0;
    legs[i].last_impulse_ns = 0;
  }
  delay_count = 0;
  measuring = 1;
}

void load_pause(void) { measuring = 0; }

void load_stop(void) {
  running = 0;
  pthread_join(sender, NULL);
  pthread_join(receiver, NULL);
  close(socket_fd);
}

uint64_t load_received(int index) { return legs[index].received; }
uint64_t load_expected(int index) {
  return legs[index].received ? legs[index].highest_sequence - legs[index].first_sequence + 1 : 0;
}
double load_jitter_ms(int index) { return legs[index].jitter / 8; }
int load_delay_count(void) { return delay_count < MAX_DELAYS ? delay_count : MAX_DELAYS; }
const float* load_delays(void) { return delays_ms; }
