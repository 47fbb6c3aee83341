using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Gateway.Load.Sockets;

/// <summary>Waits on many sockets with one thread, straight on the kernel's own calls.</summary>
/// <remarks>
/// It may seem wise to use asynchronous sockets; however, their completions change threads, which costs the client as much as a small request costs the
/// server, and the client must never be what is measured. <b>Threading</b>: one thread. Linux only.
/// </remarks>
internal sealed unsafe partial class Epoll : IDisposable
{
    private const int ControlAdd = 1;
    private const int ControlModify = 3;
    private const uint EventIn = 1;
    private const uint EventOut = 4;
    private const int DontWait = 0x40;
    private const int NoSignal = 0x4000;
    private const int SetTimerSlack = 29;

    // Linux's errno values; EAGAIN is EWOULDBLOCK.
    private const int Interrupted = 4;
    private const int TryAgain = 11;
    private const int NotImplemented = 38;

    private const long NanosecondsPerMillisecond = 1_000_000;
    private const long NanosecondsPerSecond = 1_000_000_000;

    // struct epoll_event is packed on x86-64 and only there.
    private static readonly bool IsPacked = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly int EventSize = IsPacked ? 12 : 16;
    private static readonly int DataOffset = IsPacked ? 4 : 8;

    private readonly int _descriptor;
    private readonly byte[] _events;
    private bool _hasFineWait = true;

    /// <param name="sockets">Most sockets that will be added.</param>
    public Epoll(int sockets)
    {
        _descriptor = Create(0);
        if (_descriptor < 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), "epoll_create1 failed");
        _events = GC.AllocateArray<byte>(sockets * EventSize, pinned: true);
    }

    /// <summary>Lets the calling thread be woken when it asked to be, not up to 50 µs later as is Linux's habit.</summary>
    public static void WakeOnTime() => _ = ThreadControl(SetTimerSlack, 1, 0, 0, 0);

    /// <summary>Watches a socket for bytes to read.</summary>
    /// <param name="index">What <see cref="Wait"/> calls it.</param>
    /// <param name="forRoom">Also for room to write, which is what a connection that is made has.</param>
    public void Add(Socket socket, int index, bool forRoom = false) => Change(ControlAdd, (int)socket.Handle, index, forRoom);

    /// <summary>Changes what a socket is watched for.</summary>
    public void Modify(Socket socket, int index, bool forRoom) => Change(ControlModify, (int)socket.Handle, index, forRoom);

    /// <summary>Waits until a socket is ready, at most <paramref name="timeoutMilliseconds"/>.</summary>
    /// <returns>How many can; <see cref="Ready"/> says which.</returns>
    public int Wait(int timeoutMilliseconds)
    {
        fixed (byte* events = _events)
        {
            return Found(WaitNative(_descriptor, events, _events.Length / EventSize, timeoutMilliseconds), "epoll_wait failed");
        }
    }

    /// <summary>Likewise, at most <paramref name="nanoseconds"/>; on a kernel that waits for whole milliseconds only (before 5.11), not at all below one.</summary>
    public int WaitFine(long nanoseconds)
    {
        if (nanoseconds <= 0) return Wait(0);
        if (!_hasFineWait) return Wait((int)(nanoseconds / NanosecondsPerMillisecond));
        long* time = stackalloc long[2] { nanoseconds / NanosecondsPerSecond, nanoseconds % NanosecondsPerSecond };
        try
        {
            fixed (byte* events = _events)
            {
                int count = WaitFineNative(_descriptor, events, _events.Length / EventSize, time, null);
                if (count >= 0 || Marshal.GetLastPInvokeError() != NotImplemented) return Found(count, "epoll_pwait2 failed");
            }
        }
        catch (EntryPointNotFoundException)
        {
            // A C library that does not have it either.
        }

        _hasFineWait = false;
        return WaitFine(nanoseconds);
    }

    /// <summary>The index of a socket that the last <see cref="Wait"/> found.</summary>
    public int Ready(int position) => (int)BitConverter.ToInt64(_events, (position * EventSize) + DataOffset);

    /// <summary>Reads what is there.</summary>
    /// <returns>Bytes read, 0 when the server has closed the connection, -1 when nothing is there.</returns>
    public static int Receive(int socket, Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            return (int)Checked(ReceiveNative(socket, bytes, (nuint)buffer.Length, DontWait));
        }
    }

    /// <summary>Sends what there is room for.</summary>
    /// <returns>Bytes sent, -1 when there is no room.</returns>
    public static int Send(int socket, ReadOnlySpan<byte> data)
    {
        fixed (byte* bytes = data)
        {
            return (int)Checked(SendNative(socket, bytes, (nuint)data.Length, DontWait | NoSignal));
        }
    }

    public void Dispose() => _ = Close(_descriptor);

    private void Change(int operation, int socket, int index, bool forRoom)
    {
        byte* change = stackalloc byte[16];
        *(uint*)change = forRoom ? EventIn | EventOut : EventIn;
        *(long*)(change + DataOffset) = index;
        if (Control(_descriptor, operation, socket, change) < 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), "epoll_ctl failed");
    }

    private static int Found(int count, string failure)
    {
        if (count >= 0) return count;
        int error = Marshal.GetLastPInvokeError();
        return error == Interrupted ? 0 : throw new Win32Exception(error, failure);
    }

    private static nint Checked(nint result)
    {
        if (result >= 0) return result;
        int error = Marshal.GetLastPInvokeError();
        return error is TryAgain or Interrupted ? -1 : throw new IOException("the connection to the server broke", new Win32Exception(error));
    }

    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    private static partial int Create(int flags);

    [LibraryImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    private static partial int Control(int descriptor, int operation, int socket, byte* change);

    [LibraryImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    private static partial int WaitNative(int descriptor, byte* events, int most, int timeoutMilliseconds);

    [LibraryImport("libc", EntryPoint = "epoll_pwait2", SetLastError = true)]
    private static partial int WaitFineNative(int descriptor, byte* events, int most, long* timeout, void* signals);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveNative(int socket, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint SendNative(int socket, byte* data, nuint length, int flags);

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int ThreadControl(int option, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
