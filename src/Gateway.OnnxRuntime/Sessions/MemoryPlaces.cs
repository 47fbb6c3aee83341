using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Sessions;

/// <summary>Reads where a session wants its inputs, or leaves its outputs.</summary>
internal static unsafe class MemoryPlaces
{
    public static bool[] OnCpu(OrtHandle session, delegate* unmanaged<nint, nint*, nuint, nint> read, int count)
    {
        if (count == 0) return [];
        using OrtHandle.Lease use = session.Use();
        nint[] places = new nint[count];
        fixed (nint* first = places) OrtStatus.Check(read(use.Native, first, (nuint)count));
        bool[] onCpu = new bool[count];
        for (int i = 0; i < count; i++)
        {
            int deviceType;
            OrtLibrary.Api->MemoryInfoGetDeviceType(places[i], &deviceType);
            onCpu[i] = deviceType == 0;
        }

        return onCpu;
    }
}
