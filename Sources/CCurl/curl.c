#include "CCurl.h"

#include <dlfcn.h>
#include <stdio.h>

// Variadic functions are declared by the header behind checking macros of the same name.
#undef curl_easy_setopt
#undef curl_easy_getinfo

#define FUNCTIONS(use)                                                                                                 \
  use(curl_global_init) use(curl_easy_init) use(curl_easy_cleanup) use(curl_easy_strerror) use(curl_easy_setopt)       \
  use(curl_easy_getinfo) use(curl_slist_append) use(curl_slist_free_all) use(curl_multi_init) use(curl_multi_cleanup)  \
  use(curl_multi_add_handle) use(curl_multi_remove_handle) use(curl_multi_perform) use(curl_multi_poll)                \
  use(curl_multi_wakeup) use(curl_multi_info_read)

#define DECLARE(name) static __typeof__(&name) loaded_##name;
FUNCTIONS(DECLARE)

static void *open_library(void) {
#ifdef __APPLE__
  static const char *const names[] = {"libcurl.4.dylib", "/usr/lib/libcurl.4.dylib"};
#else
  static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
#endif
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    void *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (library) return library;
  }
  return NULL;
}

const char *ccurl_load(void) {
  static void *library;
  static char reason[128];
  if (library) return NULL;
  void *opened = open_library();
  if (!opened) return "libcurl cannot be loaded (libcurl.so.4); on Debian: apt-get install libcurl4";
#define FIND(name)                                                                                                     \
  if (!(*(void **)&loaded_##name = dlsym(opened, #name))) {                                                            \
    snprintf(reason, sizeof reason, "libcurl has no " #name ": expected version 7.68 or later");                       \
    return reason;                                                                                                     \
  }
  FUNCTIONS(FIND)
  if (loaded_curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return "libcurl cannot be started";
  library = opened;
  return NULL;
}

CURL *ccurl_easy_init(void) { return loaded_curl_easy_init(); }
void ccurl_easy_cleanup(CURL *handle) { loaded_curl_easy_cleanup(handle); }
const char *ccurl_easy_strerror(CURLcode code) { return loaded_curl_easy_strerror(code); }

CURLcode ccurl_set_long(CURL *handle, CURLoption option, long value) {
  return loaded_curl_easy_setopt(handle, option, value);
}

CURLcode ccurl_set_pointer(CURL *handle, CURLoption option, const void *value) {
  return loaded_curl_easy_setopt(handle, option, value);
}

CURLcode ccurl_set_writer(CURL *handle, size_t (*writer)(char *, size_t, size_t, void *), void *context) {
  CURLcode code = loaded_curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, writer);
  return code == CURLE_OK ? loaded_curl_easy_setopt(handle, CURLOPT_WRITEDATA, context) : code;
}

long ccurl_status(CURL *handle) {
  long status = 0;
  loaded_curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

long ccurl_retry_after(CURL *handle) {
  curl_off_t seconds = 0;
  loaded_curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &seconds);
  return (long)seconds;
}

bool ccurl_has_connected(CURL *handle) {
  curl_off_t microseconds = 0;
  loaded_curl_easy_getinfo(handle, CURLINFO_CONNECT_TIME_T, &microseconds);
  return microseconds > 0;
}

const char *ccurl_redirect(CURL *handle) {
  char *address = NULL;
  loaded_curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &address);
  return address;
}

struct curl_slist *ccurl_slist_append(struct curl_slist *list, const char *text) {
  return loaded_curl_slist_append(list, text);
}

void ccurl_slist_free_all(struct curl_slist *list) { loaded_curl_slist_free_all(list); }

CURLM *ccurl_multi_init(void) { return loaded_curl_multi_init(); }
void ccurl_multi_cleanup(CURLM *multi) { loaded_curl_multi_cleanup(multi); }
CURLMcode ccurl_multi_add_handle(CURLM *multi, CURL *handle) { return loaded_curl_multi_add_handle(multi, handle); }

CURLMcode ccurl_multi_remove_handle(CURLM *multi, CURL *handle) {
  return loaded_curl_multi_remove_handle(multi, handle);
}

CURLMcode ccurl_multi_perform(CURLM *multi, int *running) { return loaded_curl_multi_perform(multi, running); }
CURLMcode ccurl_multi_poll(CURLM *multi, int milliseconds) {
  return loaded_curl_multi_poll(multi, NULL, 0, milliseconds, NULL);
}
CURLMcode ccurl_multi_wakeup(CURLM *multi) { return loaded_curl_multi_wakeup(multi); }

CURL *ccurl_multi_ended(CURLM *multi, CURLcode *code) {
  int rest;
  CURLMsg *message;
  while ((message = loaded_curl_multi_info_read(multi, &rest))) {
    if (message->msg != CURLMSG_DONE) continue;
    *code = message->data.result;
    return message->easy_handle;
  }
  return NULL;
}
