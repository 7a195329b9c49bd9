/* Legroom's build-time configuration of pjproject (replaces pjlib/include/pj/config_site.h).
 * Only what differs from pjproject's defaults, each with its reason. */

/* Capacity: 2,000 legs. A call slot is static memory, a player or recorder slot a pointer. */
#define PJSUA_MAX_CALLS 2000
#define PJSUA_MAX_PLAYERS 1024
#define PJSUA_MAX_RECORDERS 1024
#define PJSUA_MAX_ACC 64
#define PJ_IOQUEUE_MAX_HANDLES 8192
#define PJSIP_MAX_TSX_COUNT 32767
#define PJSIP_MAX_DIALOG_COUNT 8191
#define PJSIP_MAX_TIMED_OUT_ENTRIES 64

/* Peers send long header lists and SDPs with many codecs. Each message in flight has a buffer of this size, cut from
 * blocks of 4,000 bytes: a little under 16,000 takes four of them, 16,000 five. */
#define PJSIP_MAX_PKT_LEN 15900

#define PJ_HAS_IPV6 1

/* Audio and text only. */
#define PJMEDIA_HAS_VIDEO 0

/* Small UDP messages are the rule on a trunk; the peer's transport decides, never the size of our message. */
#define PJSIP_DONT_SWITCH_TO_TCP 1

/* G.722 at the scale of spandsp and FFmpeg (15 bits): pjproject's own default, 14, is heard 6 dB louder from them and
 * quieter by them. A loud peer is clipped; the default would halve its level for the rest of the call instead. */
#define PJMEDIA_G722_DEFAULT_PCM_SHIFT 1
#define PJMEDIA_G722_STOP_PCM_SHIFT_ON_CLIPPING 0
