using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Native;

namespace Gateway.OnnxRuntime.Memory;

/// <summary>A block of memory from an <see cref="OrtAllocator"/>, given back when disposed.</summary>
/// <remarks>Ownership: tensors made over the block do not keep it alive; dispose it after them.</remarks>
public sealed unsafe class OrtBuffer : IDisposable
{
    private readonly Block _block;

    internal OrtBuffer(OrtAllocator allocator, nuint byteLength)
    {
        _block = new Block(allocator, byteLength);
        ByteLength = byteLength;
    }

    public nuint ByteLength { get; }

    /// <summary>Its address; for WebGPU a handle that only ONNX Runtime understands.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public nint Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_block.IsClosed, this);
            return _block.DangerousGetHandle();
        }
    }

    public void Dispose() => _block.Dispose();

    private sealed class Block : SafeHandle
    {
        private readonly OrtAllocator _allocator;

        public Block(OrtAllocator allocator, nuint byteLength)
            : base(0, ownsHandle: true)
        {
            _allocator = allocator;
            bool held = false;
            try
            {
                allocator.Session?.DangerousAddRef(ref held);
                nint block;
                OrtStatus.Check(OrtLibrary.Api->AllocatorAlloc(allocator.Native, byteLength, &block));
                SetHandle(block);
            }
            catch
            {
                if (held) allocator.Session!.DangerousRelease();
                throw;
            }

            if (!IsInvalid) return;
            allocator.Session?.DangerousRelease();
            throw new Errors.OrtException(Errors.OrtErrorCode.Fail, $"The allocator gave no {byteLength} bytes.");
        }

        public override bool IsInvalid => handle == 0;

        protected override bool ReleaseHandle()
        {
            nint status = OrtLibrary.Api->AllocatorFree(_allocator.Native, handle);
            bool freed = status == 0;
            if (!freed) OrtLibrary.Api->ReleaseStatus(status);
            _allocator.Session?.DangerousRelease();
            return freed;
        }
    }
}
