namespace Gateway.Load.Carriers.Http;

/// <param name="HeaderBytes">Bytes of the JSON part before binary tensors; 0 where the body is all one.</param>
internal readonly record struct HttpBody(string Method, string Path, string ContentType, byte[] Bytes, int HeaderBytes = 0);
