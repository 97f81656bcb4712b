/* SHA-256 of bytes and of files: examples/base/hash.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/base/hash.h"

#include <cmocka.h>

static void hashes_are_those_of_the_standard(void **state) {
    /* FIPS 180-4's examples; the others by sha256sum.  The padding takes one block more from 56 bytes on. */
    static const struct { const char *bytes; size_t repeats; const char *hash; } due[] = {
        { "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "a", 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
        { "a", 56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
        { "a", 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
        { "a", 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
        { "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
        const size_t length = strlen(due[i].bytes), size = length * due[i].repeats;
        char *bytes = malloc(size + 1);
        hash_text hash;
        assert_non_null(bytes);
        for (size_t k = 0; k < due[i].repeats; k++) { memcpy(bytes + k * length, due[i].bytes, length); }
        hash_bytes(bytes, size, &hash);
        assert_string_equal(hash.text, due[i].hash);
        free(bytes);
    }
}

static void a_file_has_the_hash_of_its_bytes(void **state) {
    static const char path[] = "build/test_hash.bin";
    isk_context *context = isk_open(&(isk_context_desc){ .device = ISK_DEVICE_CPU });
    const size_t size = (1 << 15) + 77;             /* more than is read at once */
    char *bytes = malloc(size);
    hash_text of_bytes, of_file;
    FILE *file = fopen(path, "wb");
    (void)state;
    assert_non_null(context);
    assert_non_null(bytes);
    assert_non_null(file);
    for (size_t i = 0; i < size; i++) { bytes[i] = (char)(i * 31 % 251); }
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    hash_bytes(bytes, size, &of_bytes);
    assert_int_equal(hash_file(context, path, &of_file), ISK_OK);
    assert_string_equal(of_file.text, of_bytes.text);
    remove(path);
    assert_int_equal(hash_file(context, path, &of_file), ISK_IO);
    assert_string_equal(isk_error(context), "build/test_hash.bin cannot be read: No such file or directory");
    isk_close(context);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_standard),
        cmocka_unit_test(a_file_has_the_hash_of_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
