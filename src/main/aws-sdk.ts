/** The SDK for S3 otherwise writes a warning to the standard error of whoever runs Skein on Node 20. */
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
