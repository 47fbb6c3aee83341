using Gateway.OnnxRuntime.Memory;
using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>Reads a model's custom metadata.</summary>
internal static unsafe class ModelMetadata
{
    public static Dictionary<string, string> Read(nint session)
    {
        nint metadata;
        OrtStatus.Check(OrtLibrary.Api->SessionGetModelMetadata(session, &metadata));
        try
        {
            nint allocator = OrtAllocator.Default.Native;
            byte** keys;
            long count;
            OrtStatus.Check(OrtLibrary.Api->ModelMetadataGetCustomMetadataMapKeys(metadata, allocator, &keys, &count));
            var all = new Dictionary<string, string>((int)count);
            for (int i = 0; i < (int)count; i++)
            {
                byte* value;
                OrtStatus.Check(OrtLibrary.Api->ModelMetadataLookupCustomMetadataMap(metadata, allocator, keys[i], &value));
                string key = NativeText.Take(keys[i]);
                all[key] = NativeText.Take(value);
            }

            if (count > 0) OrtStatus.Check(OrtLibrary.Api->AllocatorFree(allocator, (nint)keys));
            return all;
        }
        finally
        {
            OrtLibrary.Api->ReleaseModelMetadata(metadata);
        }
    }
}
