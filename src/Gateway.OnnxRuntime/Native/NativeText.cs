using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

using Gateway.OnnxRuntime.Memory;

namespace Gateway.OnnxRuntime.Native;

/// <summary>Text passed to ONNX Runtime for the length of a call: UTF-8 with a final zero, on the caller's stack when it is short.</summary>
/// <remarks>Usage: <c>using var name = new NativeText(text, stackalloc byte[NativeText.StackBytes]);</c>. Cost: no managed allocation.</remarks>
internal unsafe ref struct NativeText
{
    /// <summary>Bytes of stack worth offering; longer text goes to native memory. The framework's own choice for its marshalling.</summary>
    public const int StackBytes = 256;

    private Utf8StringMarshaller.ManagedToUnmanagedIn _text;

    /// <param name="text">A zero character would end it early and is refused.</param>
    /// <param name="stack">Memory that stays where it is (<see langword="stackalloc"/>) for the life of this.</param>
    public NativeText(string text, Span<byte> stack)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Contains('\0')) throw new ArgumentException("The text has a zero character in it.", nameof(text));
        _text.FromManaged(text, stack);
    }

    public byte* Pointer => _text.ToUnmanaged();

    public void Dispose() => _text.Free();

    /// <summary>A copy of a file path in the form the library takes on this platform; free it with <see cref="FreePath"/>.</summary>
    public static nint CopyPath(string path) =>
        OperatingSystem.IsWindows() ? Marshal.StringToCoTaskMemUni(path) : Marshal.StringToCoTaskMemUTF8(path);

    public static void FreePath(nint path) => Marshal.FreeCoTaskMem(path);

    /// <summary>Reads text that the library allocated with its default allocator, and frees it.</summary>
    public static string Take(byte* text)
    {
        string result = Marshal.PtrToStringUTF8((nint)text) ?? "";
        OrtStatus.Check(OrtLibrary.Api->AllocatorFree(OrtAllocator.Default.Native, (nint)text));
        return result;
    }
}
