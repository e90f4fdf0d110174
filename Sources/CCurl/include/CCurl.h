// libcurl, loaded when the first request is made.
//
// It is not linked: it brings some thirty libraries along, which every start of the tool would wait for. Its header
// gives the types and constants; the functions below are its own under another name, those with variable arguments in
// the forms that Swift can call. All but `ccurl_load` need a library that is loaded.

#ifndef NLFT_CCURL_H
#define NLFT_CCURL_H

#include <curl/curl.h>
#include <stdbool.h>

/// Loads libcurl and starts it up. Not to be called by two threads at once.
/// Returns NULL, or why it cannot be done: a text that stays where it is.
const char *ccurl_load(void);

CURL *ccurl_easy_init(void);
void ccurl_easy_cleanup(CURL *handle);
const char *ccurl_easy_strerror(CURLcode code);

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value);
/// Strings are copied by libcurl, everything else must outlive the transfer.
CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, const void *value);
CURLcode ccurl_set_writer(CURL *handle, size_t (*writer)(char *bytes, size_t size, size_t count, void *context),
                          void *context);

/// The number of the response's status line, 0 if none came.
long ccurl_status(CURL *handle);
/// The seconds that the response asks to wait (Retry-After), 0 if it does not.
long ccurl_retry_after(CURL *handle);
/// Whether the transfer got as far as a connection of its own.
bool ccurl_has_connected(CURL *handle);
/// Where a redirection leads, NULL if the response is none.
const char *ccurl_redirect(CURL *handle);

struct curl_slist *ccurl_slist_append(struct curl_slist *list, const char *text);
void ccurl_slist_free_all(struct curl_slist *list);

CURLM *ccurl_multi_init(void);
void ccurl_multi_cleanup(CURLM *multi);
CURLMcode ccurl_multi_add_handle(CURLM *multi, CURL *handle);
CURLMcode ccurl_multi_remove_handle(CURLM *multi, CURL *handle);
CURLMcode ccurl_multi_perform(CURLM *multi, int *running);
CURLMcode ccurl_multi_poll(CURLM *multi, int milliseconds);
CURLMcode ccurl_multi_wakeup(CURLM *multi);
/// The next transfer that has ended, NULL if there is none; how it ended goes to `code`.
CURL *ccurl_multi_ended(CURLM *multi, CURLcode *code);

#endif
